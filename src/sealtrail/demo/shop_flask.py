"""The shop as an ordinary Flask API: `gunicorn "sealtrail.demo.shop_flask:create_app()"`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, abort, g, request

import sealtrail
from sealtrail.demo.shop import Shop
from sealtrail.flask import Sealtrail

View = Callable[..., Any]


def create_app() -> Flask:
    """The application, recorded by Sealtrail."""
    app = Flask("shop")
    shop = Shop.of_environment()
    Sealtrail(app, service="shop", api_fields=["request", "response"])

    def signed_in(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: Any) -> Any:
            g.user = shop.signed_in(request.headers.get("Authorization", "")) or abort(401)
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
        return Response(shop.catalogue(), mimetype="text/csv")

    @app.post("/login")
    def login() -> Any:
        body = request.get_json()
        name = str(body.get("name"))
        wrong = shop.check(name, str(body.get("password")))
        if wrong:
            sealtrail.login_failed(name=name, reason=wrong)
            return {"error": "wrong name or password"}, 401
        sealtrail.login_succeeded(user_id=shop.users[name]["id"], method="password")
        return {"token": shop.sign_in(name)}

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
