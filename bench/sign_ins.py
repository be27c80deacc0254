"""What `sign_ins` costs a Flask application whose people sign in by Flask-Login: CPU time per request.

bare      the application, with Flask-Login and a session in its cookie
without   recorded with `sign_ins=False`: each request, and not who is signed in
sign-ins  recorded with all of it: user, roles, and the session's keyed hash

Three kinds of requests, each interleaved: of who is signed in, of nobody on an open page, and of nobody who
is answered with 401. Ratios are what counts.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import flask_login
from flask import Flask, abort

from _interleaved import asked, measure
from flask_capture import ENVIRON
from sealtrail.flask import Sealtrail

NAMES = ("bare", "without", "sign-ins")


class User(flask_login.UserMixin):
    def __init__(self) -> None:
        self.id, self.username, self.roles = 7, "ann", ["clerk"]


def make_app(name: str, folder: Path) -> Flask:
    app = Flask(name)
    app.secret_key = "for benches"
    flask_login.LoginManager(app).user_loader(lambda _: User())
    app.add_url_rule("/open", "open", lambda: "for everybody")
    app.add_url_rule("/refused", "refused", lambda: abort(401))

    @app.get("/orders")
    @flask_login.login_required
    def orders() -> str:
        return "orders"

    @app.get("/login")
    def login() -> str:
        flask_login.login_user(User())
        return "in"

    if name != "bare":
        Sealtrail(app, service="shop", spool=folder / name, sign_ins=name == "sign-ins")
    return app


def serve(app: Flask, requests: int, environ: dict[str, Any]) -> float:
    started = time.process_time()
    for _ in range(requests):
        body = app({**environ, "wsgi.input": io.BytesIO()}, lambda *_: lambda _: None)
        for _part in body:
            pass
        body.close()  # type: ignore[attr-defined]
    return time.process_time() - started


def environ_of(path: str, cookie: str) -> dict[str, Any]:
    plain = {**ENVIRON, "REQUEST_METHOD": "GET", "PATH_INFO": path, "RAW_URI": path, "QUERY_STRING": ""}
    # A session is bound to its client's address and program, and no token is to be looked at here.
    del plain["CONTENT_TYPE"], plain["CONTENT_LENGTH"], plain["HTTP_AUTHORIZATION"]
    del plain["HTTP_X_FORWARDED_FOR"]
    return {**plain, "HTTP_COOKIE": cookie} if cookie else plain


def signed_in(app: Flask) -> str:
    """The cookie of a session that has just begun."""
    headers: list[tuple[str, str]] = []
    environ = {**environ_of("/login", ""), "wsgi.input": io.BytesIO()}
    body = app(environ, lambda _, sent, *__: headers.extend(sent))
    body.close()  # type: ignore[attr-defined]
    return next(value for name, value in headers if name == "Set-Cookie").partition(";")[0]


def main() -> None:
    arguments = asked("CPU cost of recording sign-ins, as ratios.")
    for what, path, is_signed_in in (
        ("signed in", "/orders", True),
        ("nobody", "/open", False),
        ("refused", "/refused", False),
    ):
        with tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder:
            apps = {name: make_app(name, Path(folder)) for name in NAMES}
            cookie = signed_in(apps["bare"]) if is_signed_in else ""
            environ = environ_of(path, cookie)
            cost = measure(
                apps,
                lambda app, requests, environ=environ: serve(app, requests, environ),
                Path(folder, "without"),
                rounds=arguments.rounds,
                requests=arguments.requests,
            )
            spool = Path(folder, "sign-ins")
            lines = b"".join(each.read_bytes() for each in spool.glob("*.ndjson"))
            known = lines.count(b'"user.id":"7"')
            if is_signed_in and known != (arguments.rounds + 1) * arguments.requests:
                raise SystemExit(f"{known} requests say who is signed in")
        alone, without, all_of_it = (cost[name] for name in NAMES)
        ratios = f"without {without / alone:.2f} x bare, sign-ins {all_of_it / alone:.2f} x bare"
        print(f"{what:10} bare {alone:4.0f} us, {ratios}: +{all_of_it - without:.1f} us")


if __name__ == "__main__":
    main()
