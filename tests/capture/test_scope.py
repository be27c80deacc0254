from __future__ import annotations

from types import SimpleNamespace as Thing

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from litestar import Litestar, get
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sealtrail.capture.context import NOBODY
from sealtrail.capture.marks import Marks
from sealtrail.capture.scope import template_of, user_of


async def hello(_):
    return PlainTextResponse("hello")


async def raw(scope, receive, send):
    await PlainTextResponse("raw")(scope, receive, send)


def starlette():
    return Starlette(
        routes=[
            Route("/items/{number:int}", hello),
            Mount("/files", raw),
            Mount(
                "/t/{tenant}", routes=[Route("/x/{y}", hello), Mount("/deep", routes=[Route("/z", hello)])]
            ),
        ]
    )


def fastapi():
    app, router, inner, mounted = FastAPI(), APIRouter(prefix="/api"), APIRouter(prefix="/v1"), FastAPI()

    @inner.get("/items/{number}")
    def item(number: int) -> int:
        return number

    @app.get("/plain/{number}")
    async def plain(number: int) -> int:
        return number

    @mounted.get("/x/{y}")
    def x(y: str) -> str:
        return y

    router.include_router(inner)
    app.include_router(router)
    app.mount("/t/{tenant}", mounted)
    return app


def litestar():
    @get("/items/{number:int}")
    async def item(number: FromPath[int]) -> int:
        return number

    return Litestar([item], openapi_config=None)


@pytest.mark.parametrize(
    ("make", "path", "template"),
    [
        (starlette, "/items/7", "/items/{number}"),
        (starlette, "/files/a/b", "/files/{path}"),
        (starlette, "/t/acme/x/1", "/t/{tenant}/x/{y}"),
        (starlette, "/t/acme/deep/z", "/t/{tenant}/deep/z"),
        (starlette, "/t/alice@example.com/x/1", "/t/{tenant}/x/{y}"),
        (starlette, "/nowhere", None),
        (fastapi, "/plain/7", "/plain/{number}"),
        (fastapi, "/api/v1/items/7", "/api/v1/items/{number}"),
        (fastapi, "/t/acme/x/1", "/t/{tenant}/x/{y}"),
        (fastapi, "/nowhere", None),
        (litestar, "/items/7", "/items/{number}"),
        (litestar, "/nowhere", None),
    ],
)
@pytest.mark.parametrize("root", ["", "/behind"])
def test_the_template_is_the_whole_one_however_the_route_was_put_together(
    ask, events, make, path, template, root
):
    answer = ask(make(), path=root + path, raw_path=(root + path).encode(), root_path=root)
    assert answer.status == (404 if template is None else 200)
    assert events()[0].get("http.route") == (None if template is None else root + template)


def test_a_prefix_that_a_proxy_took_off_is_not_in_the_route(ask, events):
    app = starlette()

    async def named(scope, receive, send):
        scope["root_path"] = "/public"
        await app(scope, receive, send)

    ask(named, path="/items/7", raw_path=b"/items/7")
    assert events()[0]["http.route"] == "/items/{number}"


def test_a_mount_whose_value_is_not_among_the_parameters_is_scrubbed():
    scope = {"route": Thing(path="/x"), "root_path": "/t/alice@example.com", "path_params": {}}
    marks = Marks()
    assert template_of(scope, "/t/alice@example.com/x", marks) == "/t/[redacted:email]/x"
    assert marks.redacted


class Named(AuthenticationBackend):
    async def authenticate(self, conn):
        name = conn.headers.get("x-user")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


@pytest.mark.parametrize(("headers", "user"), [([(b"x-user", b"alice")], "alice"), ([], "anonymous")])
def test_whom_starlettes_authentication_has_recognised_is_who_acts(ask, events, headers, user):
    app = AuthenticationMiddleware(starlette(), backend=Named())
    ask(app, path="/items/7", headers=headers)
    assert events()[0]["user.id"] == user


class Broken(BaseUser):
    @property
    def is_authenticated(self):
        return True

    @property
    def username(self):
        raise RuntimeError("no database")


@pytest.mark.parametrize(
    "user",
    [
        None,
        "alice",
        {"id": 1},
        Thing(is_authenticated=False, username="x"),
        Thing(is_authenticated=lambda: True),
        Broken(),
        Thing(is_authenticated=True),
    ],
)
def test_whoever_is_not_known_to_be_signed_in_is_nobody(user):
    assert user_of({"user": user}, Marks()) is NOBODY


def test_an_identity_goes_before_a_name():
    user = Thing(is_authenticated=True, identity=17, username="alice", display_name="Alice")
    actor = user_of({"user": user}, Marks())
    assert (actor.user_id, actor.user_name) == ("17", "Alice")


def test_a_websocket_has_its_template_too(ask, events):
    app = FastAPI()

    @app.websocket("/rooms/{room}")
    async def join(socket: WebSocket, room: str) -> None:
        await socket.accept()
        await socket.close()

    inbox = [{"type": "websocket.connect"}]
    ask(app, inbox, type="websocket", path="/rooms/7", raw_path=b"/rooms/7")
    assert {event["http.route"] for event in events()} == {"/rooms/{room}"}
