"""The door with the frameworks it was made for, each asked by a real client, in one process."""

import asyncio
import json
from typing import Annotated
from urllib.parse import quote

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from litestar.params import FromPath
from litestar.response import Stream
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.responses import StreamingResponse as StarletteStream
from starlette.routing import Route

import sealtrail
from sealtrail.asgi import SealtrailMiddleware

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


def parts(broken):
    async def made():
        yield b"a" * 10
        await asyncio.sleep(0.02)
        if broken:
            raise LookupError("half way")
        yield b"b" * 5

    return made()


def starlette(door):
    async def item(request):
        sealtrail.touched("item", request.path_params["number"], owner="u2")
        return JSONResponse({"id": sealtrail.request_id()})

    def blocking(request):
        sealtrail.touched("item", "sync")
        return JSONResponse({"id": sealtrail.request_id()})

    async def stream(request):
        return StarletteStream(parts("broken" in request.query_params))

    async def boom(request):
        raise LookupError("x")

    routes = [
        Route("/items/{number}", item),
        Route("/blocking", blocking),
        Route("/stream", stream),
        Route("/boom", boom),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SealtrailMiddleware, **door)])


def fastapi(door):
    app = FastAPI()
    app.add_middleware(SealtrailMiddleware, **door)

    @app.get("/items/{number}")
    async def item(number: str):
        sealtrail.touched("item", number, owner="u2")
        return {"id": sealtrail.request_id()}

    @app.get("/blocking")
    def blocking():
        sealtrail.touched("item", "sync")
        return {"id": sealtrail.request_id()}

    @app.get("/stream")
    async def stream(request: Request):
        return StreamingResponse(parts("broken" in request.query_params))

    @app.get("/boom")
    async def boom():
        raise LookupError("x")

    return app


def litestar(door):
    @get("/items/{number:str}")
    async def item(number: FromPath[str]) -> dict[str, str]:
        sealtrail.touched("item", number, owner="u2")
        return {"id": sealtrail.request_id()}

    @get("/blocking", sync_to_thread=True)
    def blocking() -> dict[str, str]:
        sealtrail.touched("item", "sync")
        return {"id": sealtrail.request_id()}

    @get("/stream")
    async def stream(request: LitestarRequest) -> Stream:
        return Stream(parts("broken" in request.query_params))

    @get("/boom")
    async def boom() -> None:
        raise LookupError("x")

    app = Litestar([item, blocking, stream, boom], openapi_config=None, logging_config=None)
    return SealtrailMiddleware(app, **door)


@pytest.fixture(params=[starlette, fastapi, litestar])
def app(request, spool):
    return request.param({"service": "shop", "spool": spool, "trusted_proxies": ["127.0.0.1/32"]})


def ask(app, target, method="GET", **options):
    """The answer; an exception of the application is the server's, and not its client's."""

    async def asked():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            return await client.request(method, target, **options)

    return asyncio.run(asked())


def test_a_request_says_what_on_which_object_and_how_it_ended(app, events):
    answer = ask(app, "/items/7?page=2", headers={"User-Agent": "curl/8"})
    (event,) = events()
    assert (event["url.original"], event["url.path"], event["url.query"]) == (
        "/items/7?page=2",
        "/items/7",
        "page=2",
    )
    assert (event["http.route"], event["http.response.status_code"]) == ("/items/{number}", 200)
    assert (event["sealtrail.object.id"], event["sealtrail.object.owner"]) == ("7", "u2")
    assert (event["user.id"], event["url.domain"], event["service.name"]) == (
        "anonymous",
        "shop.example",
        "shop",
    )
    assert event["http.response.body.bytes"] == len(answer.content)
    assert event["http.response.mime_type"] == "application/json"
    assert "sealtrail.notes" not in event
    assert answer.json()["id"] == answer.headers["x-request-id"] == event["http.request.id"]


def test_a_synchronous_endpoint_knows_its_request_in_its_thread(app, events):
    answer = ask(app, "/blocking")
    (event,) = events()
    assert answer.json()["id"] == event["http.request.id"]
    assert event["sealtrail.object.id"] == "sync"


def test_request_id_trace_and_client_come_through_the_trusted_proxy(app, events):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-ID": "order-4711", "traceparent": trace, "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
    answer = ask(app, "/items/1", headers=headers)
    (event,) = events()
    assert answer.headers.get_list("x-request-id") == ["order-4711"]
    assert (event["trace.id"], event["parent.id"]) == (trace[3:35], trace[36:52])
    assert (event["client.ip"], event["source.ip"]) == ("203.0.113.9", "127.0.0.1")


def test_a_stream_is_recorded_with_its_true_length_and_duration(app, events):
    assert len(ask(app, "/stream").content) == 15
    (event,) = events()
    assert event["http.response.body.bytes"] == 15
    assert event["event.duration"] >= 20_000_000  # the application sleeps that long


def test_an_exception_in_mid_stream_is_a_failure(app, events):
    ask(app, "/stream?broken=1")
    (event,) = events()
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert event["error.type"].rpartition(".")[2] in {"LookupError", "LitestarException"}
    assert event["sealtrail.notes"] == ["response.broken:200"]


def test_an_exception_is_a_500(app, events):
    assert ask(app, "/boom").status_code == 500
    (event,) = events()
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert event["error.type"] == "LookupError"


def test_an_unknown_path_has_no_route(app, events):
    assert ask(app, "/no/such").status_code == 404
    assert "http.route" not in events()[0]


def test_a_secret_in_path_query_or_header_reaches_no_file(app, events, spool):
    ask(app, f"/items/7?api_key={SECRET}&next={quote('https://x.example/?access_token=' + SECRET)}")
    ask(app, f"/items/{SECRET}", headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"s={SECRET}"})
    ask(app, f"/no/{quote(quote(SECRET))}/such")
    ask(app, "/blocking", headers={"Referer": f"https://x.example/?password={quote(SECRET)}"})
    ask(app, f"/boom?q={SECRET}", headers={"User-Agent": SECRET, "X-Request-ID": SECRET})
    assert len(events()) == 5
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert SECRET.encode() not in written


def door(spool):
    return {"service": "shop", "spool": spool}


def test_around_the_whole_application_an_exception_is_known_and_its_answer_carries_the_id(spool, events):
    inner = FastAPI()

    @inner.get("/boom")
    def boom():
        raise LookupError("x")

    answer = ask(SealtrailMiddleware(inner, **door(spool)), "/boom")
    (event,) = events()
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, event["http.request.id"])
    assert (event["error.type"], event["http.route"]) == ("LookupError", "/boom")
    assert event["http.response.body.bytes"] == len(answer.content)


def test_dependencies_and_background_tasks_know_their_request(spool, events):
    app = FastAPI()
    app.add_middleware(SealtrailMiddleware, **door(spool))
    seen = {}

    def who():
        sealtrail.actor(user_id="u1", roles=["clerk"])
        return "u1"

    async def session():
        seen["before"] = sealtrail.request_id()
        yield
        seen["after"] = sealtrail.request_id()

    def mail():
        seen["mail"] = sealtrail.request_id()
        sealtrail.audit("mail.send", target=("mail", "1"))

    @app.post("/orders")
    async def order(
        tasks: BackgroundTasks, user: Annotated[str, Depends(who)], _: Annotated[None, Depends(session)]
    ):
        tasks.add_task(mail)
        return {"user": user}

    answer = ask(app, "/orders", "POST")
    request, act = events()
    assert set(seen.values()) == {answer.headers["x-request-id"]}
    assert set(seen) == {"before", "after", "mail"}
    assert (request["user.id"], act["user.id"], act["user.roles"]) == ("u1", "u1", ["clerk"])
    assert act["http.request.id"] == request["http.request.id"]


def test_a_login_that_fails_and_one_that_succeeds_are_events_of_their_request(spool, events):
    app = FastAPI()
    app.add_middleware(SealtrailMiddleware, **door(spool))

    @app.post("/login")
    def login(body: dict[str, str]):
        name, password = body["name"], body["password"]
        if password != "boats":
            sealtrail.login_failed(name=name, reason="bad_password")
            raise HTTPException(401)
        sealtrail.login_succeeded(user_id=name, method="password")

    ask(app, "/login", "POST", json={"name": "alice", "password": "x"})
    ask(app, "/login", "POST", json={"name": "alice", "password": "boats"})
    failed, refused, succeeded, request = events()
    assert (failed["event.action"], succeeded["event.action"]) == ("authn_login_fail", "authn_login_success")
    assert "alice" not in json.dumps(failed)
    assert (refused["http.response.status_code"], refused["event.type"]) == (401, ["access", "denied"])
    assert (request["user.id"], request["http.request.id"]) == ("alice", succeeded["http.request.id"])


@pytest.mark.parametrize("outside", [True, False])
def test_beside_a_base_http_middleware_nothing_is_lost(spool, events, outside):
    app = FastAPI()

    async def dispatch(request, call_next):
        return await call_next(request)

    middleware = [(BaseHTTPMiddleware, {"dispatch": dispatch}), (SealtrailMiddleware, door(spool))]
    for kind, options in middleware if outside else reversed(middleware):
        app.add_middleware(kind, **options)

    @app.get("/items/{number}")
    def item(number: str):
        sealtrail.touched("item", number)
        sealtrail.actor(user_id="u1")
        return sealtrail.request_id()

    answer = ask(app, "/items/7")
    (event,) = events()
    assert answer.json() == event["http.request.id"] == answer.headers["x-request-id"]
    assert (event["user.id"], event["sealtrail.object.id"]) == ("u1", "7")
    assert event["http.route"] == "/items/{number}"


def test_an_application_that_is_mounted_with_a_middleware_of_its_own_is_recorded_once(spool, events):
    app, mounted = FastAPI(), FastAPI()
    app.add_middleware(SealtrailMiddleware, **door(spool))
    mounted.add_middleware(SealtrailMiddleware, service="inner", spool=spool)

    @mounted.get("/x/{y}")
    def x(y: str):
        return y

    app.mount("/in", mounted)
    ask(app, "/in/x/1")
    (event,) = events()
    assert (event["service.name"], event["http.route"]) == ("shop", "/in/x/{y}")
