"""Quart's users, as a request finds them: set by the application, in its session, by quart-auth."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace as Thing

import httpx
import pytest
from quart import Quart, g, session

from sealtrail.asgi import SealtrailMiddleware

SECRET = "for tests"


def shop():
    app = Quart("shop")
    app.secret_key = SECRET

    @app.get("/set/<how>")
    async def put(how):
        if how == "g":
            g.user = Thing(id=7, username="ann", roles=["clerk"])
        elif how == "current":
            g.current_user = {"id": 8}
        elif how == "nobody":
            g.user = None
        elif how == "broken":
            g.user = Broken()
        return {}

    @app.post("/login")
    async def login():
        session["user_id"] = 9
        return {}

    return app


class Broken:
    @property
    def is_authenticated(self):
        raise RuntimeError("no database")


@pytest.fixture
def asking(spool, made):
    """Asks one target after the other, as a browser that keeps its cookies; the answers."""

    def asking(app, *targets, **given):
        door = SealtrailMiddleware(app, service="shop", spool=spool, **given)

        async def ask():
            transport = httpx.ASGITransport(door, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
                return [await client.request(*target.split()) for target in targets]

        return asyncio.run(ask())

    return asking


@pytest.mark.parametrize(
    ("how", "user"), [("g", "7"), ("current", "8"), ("nobody", "anonymous"), ("broken", "anonymous")]
)
def test_whom_the_application_has_put_there_is_who_acts(asking, events, how, user) -> None:
    (answer,) = asking(shop(), f"GET /set/{how}")
    (event,) = events()
    assert (answer.status_code, event["user.id"]) == (200, user)


def test_the_user_of_a_session_is_who_acts_and_the_answer_stays_as_it_was(asking, events, made) -> None:
    _, inside, bare = asking(shop(), "POST /login", "GET /set/session", "GET /nowhere")
    _, event, unknown = events()
    assert event["user.id"] == unknown["user.id"] == "9"
    assert len(event["sealtrail.session.hash"]) == 32
    assert "vary" not in inside.headers
    assert "vary" not in bare.headers
    assert made.errors == 0


def test_what_is_not_asked_for_is_left_out(asking, events) -> None:
    asking(shop(), "POST /login", "GET /set/g", sign_ins=["signals"])
    event = events()[1]
    assert event["user.id"] == "anonymous"
    assert "sealtrail.session.hash" not in event


def test_quart_auth_tells_who_came_in_and_who_went_out(asking, events) -> None:
    quart_auth = pytest.importorskip(
        "quart_auth", reason="quart-auth is not installed: make test-signins has it"
    )
    app = Quart("shop")
    app.secret_key = SECRET
    quart_auth.QuartAuth(app, cookie_secure=False)
    app.add_url_rule("/open", "open", dict)

    @app.post("/login")
    async def login():
        quart_auth.login_user(quart_auth.AuthUser("ann"), remember=True)
        return {}

    @app.post("/again")
    async def again():
        quart_auth.renew_login()
        return {}

    @app.post("/logout")
    async def logout():
        quart_auth.logout_user()
        return {}

    @app.get("/orders")
    @quart_auth.login_required
    async def orders():
        return {}

    targets = ("GET /orders", "POST /login", "GET /orders", "POST /again", "POST /logout", "GET /open")
    assert [a.status_code for a in asking(app, *targets)] == [401, 200, 200, 200, 200, 200]
    told = [event["event.action"] for event in events() if event["sealtrail.kind"] != "request"]
    assert told == ["authn_required", "authn_login_success", "session_renewed", "session_logout"]
    users = [event["user.id"] for event in events() if event["sealtrail.kind"] == "request"]
    assert users == ["anonymous", "ann", "ann", "ann", "ann", "anonymous"]
