"""An application with Flask-Login: a sign-in form, pages for who is signed in, and pages for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import flask_login
import pytest
from flask import Flask, request
from flask.testing import FlaskClient

import sealtrail
from sealtrail.capture import context, recorder
from sealtrail.flask import Sealtrail


class Patient(FlaskClient):
    """Reads each answer to its end and closes it, as servers do."""

    def open(self, *args, buffered: bool = True, **kwargs):
        return super().open(*args, buffered=buffered, **kwargs)


class User(flask_login.UserMixin):
    def __init__(self, number: int, name: str, roles: list[object]) -> None:
        self.id, self.username, self.roles = number, name, roles


USERS = {
    "ann": User(7, "ann@shop.example", ["clerk", SimpleNamespace(name="auditor")]),
    "bob": User(8, "bob", []),
}


@pytest.fixture
def recording(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A spool of this test's own."""
    monkeypatch.setattr(recorder, "_default", None)
    token = context.current.set(None)
    yield spool
    context.current.reset(token)


@pytest.fixture
def shop(recording: Path) -> Callable[..., Flask]:
    """Makes the application. `early`: the door is there before Flask-Login is."""

    def make(*, early: bool = False, **given) -> Flask:
        app = Flask("shop")
        app.secret_key = "for tests"
        app.test_client_class = Patient
        door = Sealtrail(service="shop", spool=recording, **given)
        if early:
            door.init_app(app)
        manager = flask_login.LoginManager(app)
        manager.user_loader(lambda number: next((u for u in USERS.values() if str(u.id) == number), None))
        if not early:
            door.init_app(app)

        @app.post("/login")
        def login():
            user = USERS.get(request.form["name"])
            if user is None or request.form["password"] != "boats":
                sealtrail.login_failed(request.form["name"], reason="bad_password", method="password")
                return "no", 401
            flask_login.login_user(user, remember="remember" in request.form)
            return "yes"

        @app.get("/logout")
        def logout():
            flask_login.logout_user()
            return "bye"

        @app.get("/orders")
        @flask_login.login_required
        def orders():
            return "orders"

        @app.get("/payout")
        @flask_login.fresh_login_required
        def payout():
            return "paid"

        @app.get("/confirm")
        def confirm():
            assert flask_login.current_user.is_authenticated
            flask_login.confirm_login()
            return f"again, {flask_login.current_user.username}"

        app.add_url_rule("/open", "open", lambda: "for everybody")
        return app

    return make
