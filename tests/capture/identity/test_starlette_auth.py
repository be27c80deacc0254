from __future__ import annotations

import asyncio
import base64

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.identity import starlette_auth


class Basic(AuthenticationBackend):
    async def authenticate(self, conn):
        given = conn.headers.get("authorization")
        if given is None:
            return None
        if given != "Bearer good":
            raise AuthenticationError("not good")
        return AuthCredentials(["authenticated"]), SimpleUser("ann")


async def hello(request):
    return PlainTextResponse("hello")


ROUTES = [Route("/", hello)]
BACKEND = Middleware(AuthenticationMiddleware, backend=Basic())


def added(spool):
    app = FastAPI(routes=ROUTES)
    app.add_middleware(AuthenticationMiddleware, backend=Basic())
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    return app


def around(spool):
    return SealtrailMiddleware(Starlette(routes=ROUTES, middleware=[BACKEND]), service="shop", spool=spool)


def mounted(spool):
    app = Starlette(routes=[Mount("/", Starlette(routes=ROUTES, middleware=[BACKEND]))])
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    return app


def of_a_mount(spool):
    app = Starlette(routes=[Mount("/", routes=ROUTES, middleware=[BACKEND])])
    return SealtrailMiddleware(app, service="shop", spool=spool)


def ask(app, authorization=None):
    async def asked():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            headers = {} if authorization is None else {"Authorization": authorization}
            return await client.get("/", headers=headers)

    return asyncio.run(asked())


@pytest.fixture(params=[added, around, mounted, of_a_mount])
def app(request, spool, made):
    return request.param(spool)


def told(events):
    return [event for event in events() if event["sealtrail.kind"] != "request"]


def test_a_refusal_that_is_answered_with_400_is_told_as_one_of_signing_in(app, events) -> None:
    pair = base64.b64encode(b"ann:harbour").decode()
    answers = [ask(app, f"Basic {pair}"), ask(app, "Bearer planted-1")]
    assert [(answer.status_code, answer.text) for answer in answers] == [(400, "not good")] * 2
    basic, bearer = told(events)
    assert (basic["event.action"], basic["event.reason"]) == ("authn_login_fail", "refused")
    assert len(basic["user.hash"]) == 32
    assert (bearer["event.action"], bearer["sealtrail.auth.scheme"]) == ("authn_token_fail", "bearer")


def test_who_is_let_in_acts_and_who_brings_nothing_is_nobody(app, events) -> None:
    assert [ask(app, "Bearer good").status_code, ask(app).status_code] == [200, 200]
    assert [event["user.id"] for event in events()] == ["ann", "anonymous"]


def test_an_answer_of_the_applications_own_is_told_once(spool, made, events) -> None:
    app = FastAPI(routes=ROUTES)
    refuse = PlainTextResponse("no", 401, {"WWW-Authenticate": 'Bearer error="expired"'})
    app.add_middleware(AuthenticationMiddleware, backend=Basic(), on_error=lambda *_: refuse)
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    assert ask(app, "Bearer planted-1").status_code == 401
    (event,) = told(events)
    assert (event["event.action"], event["event.reason"]) == ("authn_token_fail", "expired")


def test_it_is_left_out_where_refusals_are_not_asked_for(spool, made, events) -> None:
    app = FastAPI(routes=ROUTES)
    app.add_middleware(AuthenticationMiddleware, backend=Basic())
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool, sign_ins=["user"])
    assert ask(app, "Bearer planted-1").status_code == 400
    assert told(events) == []


def test_two_doors_tell_once_and_what_holds_itself_ends(spool, made, events) -> None:
    app = Starlette(routes=ROUTES, middleware=[BACKEND])
    for _ in range(2):
        app = SealtrailMiddleware(app, service="shop", spool=spool)
    app.routes = [app]
    starlette_auth.join(app)
    ask(app, "Bearer planted-1")
    assert len(told(events)) == 1
