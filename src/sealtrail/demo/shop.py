"""The shop: an ordinary Flask API with one deliberate hole (any user may read any invoice).

Run it under any WSGI server: `gunicorn "sealtrail.demo.shop:create_app()"`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from flask import Flask, Response, abort, g, request
from werkzeug.security import check_password_hash, generate_password_hash

import sealtrail
from sealtrail.flask import Sealtrail

# Cheap on purpose: the demo measures Sealtrail, not a password hash.
_METHOD = "pbkdf2:sha256:1000"

View = Callable[..., Any]


class Shop:
    """What the shop knows, in memory: users, invoices, and who is signed in."""

    def __init__(self, run: str) -> None:
        names = ["alice", "bob", "carol", "dave", "erin", "mallory", "root"]
        self.users = {
            name: {
                "id": f"{name}-{run}" if name == "mallory" else name,
                "role": "admin" if name == "root" else "customer",
                "password": generate_password_hash(f"{name}-likes-{len(name)}-boats", _METHOD),
            }
            for name in names
        }
        owners = [user["id"] for name, user in self.users.items() if name != "root"]
        self.invoices = {str(n): {"owner": owners[n % len(owners)], "total": 10 + n} for n in range(1, 201)}
        self.products = {str(n): {"name": f"boat {n}", "price": 100 * n} for n in range(1, 31)}
        self.sessions: dict[str, str] = {}


def create_app() -> Flask:
    """The application, recorded by Sealtrail. `SEALTRAIL_DEMO_RUN` makes one user's id unique to a run."""
    app = Flask("shop")
    shop = Shop(os.environ.get("SEALTRAIL_DEMO_RUN", "1"))
    Sealtrail(app, service="shop")

    def signed_in(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: Any) -> Any:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            name = shop.sessions.get(token)
            if name is None:
                abort(401)
            g.user = shop.users[name]
            sealtrail.actor(user_id=g.user["id"], roles=[g.user["role"]])
            return view(**arguments)

        return guarded

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/products")
    def products() -> dict[str, Any]:
        return {"products": list(shop.products.values())}

    @app.get("/products/<number>")
    def product(number: str) -> dict[str, Any]:
        return shop.products.get(number) or abort(404)

    @app.get("/catalogue")
    def catalogue() -> Response:
        def rows() -> Iterator[str]:
            for number, item in shop.products.items():
                yield f"{number},{item['name']},{item['price']}\n"

        return Response(rows(), mimetype="text/csv")

    @app.post("/login")
    def login() -> Any:
        body = request.get_json()
        name, password = str(body.get("name")), str(body.get("password"))
        user = shop.users.get(name)
        if user is None or not check_password_hash(user["password"], password):
            sealtrail.login_failed(name=name, reason="unknown_user" if user is None else "bad_password")
            return {"error": "wrong name or password"}, 401
        token = secrets.token_urlsafe(24)
        shop.sessions[token] = name
        sealtrail.login_succeeded(user_id=user["id"], method="password")
        return {"token": token}

    @app.get("/invoices/<number>")
    @signed_in
    def invoice(number: str) -> dict[str, Any]:
        found = shop.invoices.get(number) or abort(404)
        # The hole: nobody compares the owner with who is asking. `touched` is what makes it visible.
        sealtrail.touched("invoice", number, owner=found["owner"])
        return {"number": number, **found}

    @app.put("/users/<name>/role")
    @signed_in
    def change_role(name: str) -> dict[str, Any]:
        if g.user["role"] != "admin":
            abort(403)
        user = shop.users.get(name) or abort(404)
        before, user["role"] = user["role"], str(request.get_json()["role"])
        sealtrail.audit(
            "user.role.update",
            target=("user", user["id"]),
            change=[("role", before, user["role"])],
            reason="ticket 4711",
        )
        return {"name": name, "role": user["role"]}

    return app
