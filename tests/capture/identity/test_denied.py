from __future__ import annotations

import asyncio
import base64
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
)
from flask import Flask, abort, make_response
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.choices import ALL
from sealtrail.capture.identity import denied, sparing
from sealtrail.capture.identity.sparing import Sparing

TOKEN = "Zq8xW2nL5vB7cT1kR4mY6pJ3"
PASSWORD = "harbour-Pa55-typed"


def _refuse(_=None):
    raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _wrong(_: Annotated[object, Depends(HTTPBasic())]):
    raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


class Client:
    """A client of httpx's that keeps its cookies and asks an ASGI application, one request after another."""

    def __init__(self, app) -> None:
        self.app = app
        self.cookies = httpx.Cookies()

    def request(self, method, path, **given):
        async def ask():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://shop.example", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, **given)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def get(self, path, **given):
        return self.request("GET", path, **given)

    def post(self, path, **given):
        return self.request("POST", path, **given)


@pytest.fixture
def client(made, spool):
    """A FastAPI application with a route for each way to authenticate."""

    def make(**given):
        app = FastAPI()
        for name, scheme in {
            "basic": HTTPBasic(),
            "bearer": HTTPBearer(),
            "oauth2": OAuth2PasswordBearer(tokenUrl="token"),
            "header": APIKeyHeader(name="X-Shop-Key"),
            "query": APIKeyQuery(name="api_key"),
            "cookie": APIKeyCookie(name="shop_key"),
        }.items():
            app.get(f"/{name}", dependencies=[Depends(scheme), Depends(_refuse)])(lambda: "in")
        app.get("/wrong-basic", dependencies=[Depends(_wrong)])(lambda: "in")

        def scoped(_: Annotated[str, Security(OAuth2PasswordBearer(tokenUrl="token"), scopes=["write"])]):
            raise HTTPException(403, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})

        app.get("/scoped")(scoped)

        @app.get("/told")
        def told():
            sealtrail.token_refused(TOKEN, reason="expired", method="jwt")
            raise HTTPException(401)

        router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer())])
        router.get("/in")(lambda: "in")
        app.include_router(router)
        app.get("/forbidden")(lambda: (_ for _ in ()).throw(HTTPException(403)))
        app.add_middleware(SealtrailMiddleware, service="shop", spool=spool, **given)
        return Client(app)

    return make


def _told(events):
    return [event for event in events() if event["sealtrail.kind"] != "request"]


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("/basic", "basic"),
        ("/bearer", "bearer"),
        ("/oauth2", "bearer"),
        ("/header", "api-key"),
        ("/query", "api-key"),
        ("/cookie", "api-key"),
        ("/v1/in", "bearer"),
    ],
)
def test_a_request_without_a_credential_says_which_was_asked_for(client, events, path, scheme):
    assert client().get(path).status_code in {401, 403}
    (event,) = _told(events)
    assert (event["event.action"], event["event.reason"]) == ("authn_required", "no_credentials")
    assert (event["sealtrail.auth.scheme"], event["event.outcome"]) == (scheme, "failure")
    request = events()[-1]
    assert event["http.request.id"] == request["http.request.id"]
    assert request["event.type"] == ["access", "denied"]


@pytest.mark.parametrize(
    ("path", "given", "scheme", "method"),
    [
        ("/bearer", {"headers": {"Authorization": f"Bearer {TOKEN}"}}, "bearer", None),
        ("/oauth2", {"headers": {"Authorization": f"Bearer a.{TOKEN}.c"}}, "bearer", "jwt"),
        ("/header", {"headers": {"X-Shop-Key": TOKEN}}, "api-key", "api_key"),
        ("/query", {"params": {"api_key": TOKEN}}, "api-key", "api_key"),
        ("/cookie", {"cookies": {"shop_key": TOKEN}}, "api-key", "api_key"),
    ],
)
def test_a_credential_that_is_not_good_is_told_by_its_hash(
    client, events, spool, path, given, scheme, method
):
    made = client()
    made.cookies.update(given.pop("cookies", {}))
    assert made.get(path, **given).status_code == 401
    (event,) = _told(events)
    assert (event["event.action"], event["event.reason"]) == ("authn_token_fail", "invalid_token")
    assert (event["sealtrail.auth.scheme"], event.get("sealtrail.auth.method")) == (scheme, method)
    assert len(event["sealtrail.auth.token_hash"]) == 32
    assert all(TOKEN.encode() not in path.read_bytes() for path in spool.rglob("*") if path.is_file())


def test_a_basic_login_that_failed_keeps_its_name_as_a_hash(client, events, spool):
    assert client().get("/wrong-basic", auth=("ann@typed.example", PASSWORD)).status_code == 401
    sealtrail.login_failed("ann@typed.example")
    event, by_hand = _told(events)
    assert (event["event.action"], event["sealtrail.auth.method"]) == ("authn_login_fail", "password")
    assert event["user.hash"] == by_hand["user.hash"]
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    pair = base64.b64encode(f"ann@typed.example:{PASSWORD}".encode())
    assert not any(secret in written for secret in (b"ann@typed", PASSWORD.encode(), pair))


def test_a_form_of_name_and_password_that_is_refused_is_a_login_that_failed(ask, made, events):
    # FastAPI reads forms only with python-multipart; this is how it leaves its route in the scope.
    form = SimpleNamespace(call=OAuth2PasswordRequestForm, dependencies=[])
    route = SimpleNamespace(path="/token", dependant=SimpleNamespace(call=None, dependencies=[form]))

    async def app(scope, receive, send):
        scope["route"] = route
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    made.sign_ins = ALL
    assert ask(app).status == 401
    (event,) = _told(events)
    assert (event["event.action"], event["sealtrail.auth.method"]) == ("authn_login_fail", "password")


def test_what_the_application_told_is_not_told_again(client, events):
    client().get("/told", headers={"Authorization": f"Bearer {TOKEN}"})
    (event,) = _told(events)
    assert event["event.reason"] == "expired"


def test_who_is_known_and_may_not_is_an_authorisation_that_failed(client, events):
    client().get("/scoped", headers={"Authorization": f"Bearer {TOKEN}"})
    (event,) = _told(events)
    assert (event["event.action"], event["sealtrail.policy.decision"]) == ("authz_fail", "deny")
    assert event["event.reason"] == "insufficient_scope"


def test_a_403_of_a_stranger_on_an_open_route_is_the_requests_alone(client, events):
    assert client().get("/forbidden").status_code == 403
    assert _told(events) == []


def test_it_can_be_left_out(client, events):
    client(sign_ins=False).get("/bearer")
    assert _told(events) == []


def test_the_same_is_told_once_a_while_and_another_token_at_once(client, events):
    made = client()
    for token in ("first-of-them-all", "first-of-them-all", "another-one-of-them"):
        made.get("/bearer", headers={"Authorization": f"Bearer {token}"})
        made.get("/bearer")
    assert [event["event.action"] for event in _told(events)] == [
        "authn_token_fail",
        "authn_required",
        "authn_token_fail",
    ]
    assert len([event for event in events() if event["sealtrail.kind"] == "request"]) == 6


def test_a_flood_of_guesses_is_told_up_to_a_bound(client, events, monkeypatch):
    monkeypatch.setattr(
        sparing.Sparings, "__init__", lambda told: vars(told).update(once=Sparing(), each=Sparing(times=3))
    )
    made = client()
    for number in range(8):
        made.get("/bearer", headers={"Authorization": f"Bearer guess-{number}"})
    assert len(_told(events)) == 3


class _ByName(AuthenticationBackend):
    async def authenticate(self, conn):
        name = conn.headers.get("x-name")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


def test_starlettes_own_middleware_is_understood(made, events, spool):
    app = FastAPI()

    @app.get("/in")
    @requires("admin")
    async def inside(request: Request):
        return "in"

    app.add_middleware(AuthenticationMiddleware, backend=_ByName())
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    client = Client(app)
    assert client.get("/in").status_code == 403
    assert client.get("/in", headers={"x-name": "ann"}).status_code == 403
    stranger, known = _told(events)
    assert (stranger["event.action"], stranger["event.reason"]) == ("authn_required", "no_credentials")
    assert (known["event.action"], known["user.id"]) == ("authz_fail", "ann")


def test_a_session_of_starlette_has_a_hash(made, events, spool):
    app = FastAPI()

    @app.get("/in")
    def inside(request: Request):
        request.session["user"] = "ann"
        return "in"

    app.add_middleware(SessionMiddleware, secret_key="for tests", session_cookie="shop")
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool, session_cookie="shop")
    client = Client(app)
    for _ in range(3):
        client.get("/in")
    cookie = client.cookies["shop"]
    first, second, third = events()
    assert "sealtrail.session.hash" not in first
    assert second["sealtrail.session.hash"] == third["sealtrail.session.hash"]
    assert all(cookie.split(".")[0].encode() not in p.read_bytes() for p in spool.rglob("*") if p.is_file())


def test_behind_wsgi_a_401_is_told_by_its_challenge(app: Flask, events):
    @app.get("/basic")
    def basic():
        answer = make_response("no", 401)
        answer.headers["WWW-Authenticate"] = 'Basic realm="shop"'
        return answer

    app.add_url_rule("/bare", "bare", lambda: abort(401))
    client = app.test_client()
    client.get("/basic")
    client.get("/basic", auth=("ann", PASSWORD))
    client.get("/bare")
    asked, failed, bare = _told(events)
    assert (asked["event.reason"], asked["sealtrail.auth.scheme"]) == ("no_credentials", "basic")
    assert (failed["event.action"], failed["sealtrail.auth.scheme"]) == ("authn_login_fail", "basic")
    assert bare["event.reason"] == "refused"


@pytest.mark.parametrize(
    "value", ["Basic \xff", "Basic !!!!", "Basic", "Basic YW5u", "\x00", "Bearer " + "x" * 9000]
)
def test_a_hostile_credential_is_an_event_all_the_same(client, events, made, value):
    app = client()
    answer = app.get("/wrong-basic", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401
    assert _told(events)[0]["event.outcome"] == "failure"


def test_a_fault_of_ours_never_reaches_the_application(client, events, monkeypatch):
    monkeypatch.setattr(denied, "schemes_of", lambda _: 1 / 0)
    assert client().get("/bearer").status_code == 401
    assert [event["sealtrail.kind"] for event in events()] == ["request"]
