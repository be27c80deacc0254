"""Who is signed in, as each ASGI framework tells it by itself: real servers, and a real client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

FASTAPI = """
from fastapi import FastAPI
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from sealtrail.asgi import SealtrailMiddleware


class ByName(AuthenticationBackend):
    async def authenticate(self, connection):
        given = connection.headers.get("authorization", "")
        if not given:
            return None
        if not given.startswith("Bearer good-"):
            raise AuthenticationError("not good")
        return AuthCredentials(["authenticated"]), SimpleUser(given[12:])


app = FastAPI()
app.add_middleware(AuthenticationMiddleware, backend=ByName())
app.add_middleware(SealtrailMiddleware, service="shop")


@app.get("/me")
async def me():
    return {}
"""

LITESTAR = """
from dataclasses import dataclass
from litestar import Litestar, get
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult, DefineMiddleware
from sealtrail.asgi import SealtrailMiddleware


@dataclass
class User:
    id: str
    roles: list[str]


class ByName(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection):
        given = connection.headers.get("authorization", "")
        if not given.startswith("Bearer good-"):
            raise NotAuthorizedException
        return AuthenticationResult(user=User(given[12:], ["clerk"]), auth=given)


@get("/me")
async def me() -> dict[str, str]:
    return {}


shop = Litestar([me], middleware=[DefineMiddleware(ByName)], openapi_config=None, logging_config=None)
app = SealtrailMiddleware(shop, service="shop")
"""

QUART = """
from quart import Quart, abort, g, request
from sealtrail.asgi import SealtrailMiddleware

app = Quart("shop")


@app.before_request
async def authenticate():
    given = request.headers.get("Authorization", "")
    if not given.startswith("Bearer good-"):
        abort(401)
    g.user = {"id": given[12:]}


@app.get("/me")
async def me():
    return {}


app.asgi_app = SealtrailMiddleware(app.asgi_app, service="shop")
"""

DEPENDENCY = """
from typing import Annotated
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sealtrail.asgi import SealtrailMiddleware, identifies

app = FastAPI()
app.add_middleware(SealtrailMiddleware, service="shop")


@identifies
def user(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]):
    if not given.credentials.startswith("good-"):
        raise HTTPException(401)
    return {"id": given.credentials[5:]}


@app.get("/me")
async def me(user: Annotated[dict, Depends(user)]):
    return {}
"""

# name -> (source, stack, the status of who is refused)
APPLICATIONS = {
    "starlette": (FASTAPI, "fastapi-uvicorn", 400),
    "fastapi": (DEPENDENCY, "fastapi-uvicorn", 401),
    "litestar": (LITESTAR, "litestar-uvicorn", 401),
    "quart": (QUART, "quart-uvicorn", 401),
}


@pytest.fixture(scope="module", params=APPLICATIONS)
def running(request, start, tmp_path_factory) -> Iterator[Any]:
    source, stack, status = APPLICATIONS[request.param]
    server = start(tmp_path_factory.mktemp(request.param), stack, source=source)
    server.refuses_with = status
    yield server
    server.stop()


@pytest.fixture
def server(running) -> Any:
    running.forget()
    return running


def test_who_is_signed_in_is_who_acts_without_a_word_of_the_applications(server) -> None:
    assert server.request("GET", "/me", Authorization="Bearer good-ann")[0] == 200
    (event,) = server.events(1)
    assert event["user.id"] == "ann"
    if server.stack == "litestar-uvicorn":
        assert event["user.roles"] == ["clerk"]


def test_whose_credential_is_refused_is_told_whatever_the_status(server) -> None:
    status = server.request("GET", "/me", Authorization="Bearer planted-1")[0]
    assert status == server.refuses_with
    events = {event["sealtrail.kind"]: event for event in server.events(2)}
    told = events["authentication"]
    assert (told["event.action"], told["event.outcome"]) == ("authn_token_fail", "failure")
    assert told["sealtrail.auth.token_hash"] == events["request"]["sealtrail.auth.token_hash"]
    assert not any(b"planted-1" in line for line in server.lines())
