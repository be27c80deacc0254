import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI

from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch_asgi import AsgiWatch

HEADERS = [(b"content-type", b"application/json")]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}


def part(body: bytes, more: bool = False):
    return {"type": "http.request", "body": body, "more_body": more}


async def echo(_, receive, send):
    """Answers with what it gets, part by part."""
    await send(START)
    while True:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})
        if not more:
            return


def test_fields_of_both_bodies_are_told_and_every_message_passes_as_it_was(ask, events):
    inbox = [part(b'[{"a": 1, "pass', True), part(b'word": "hunter22"}', True), part(b"]")]
    answer = ask(AsgiWatch(echo, Plan(True)), inbox, headers=HEADERS, query_string=b"page=3", raw_path=b"/a")
    assert answer.raised is None
    assert answer.body == b'[{"a": 1, "password": "hunter22"}]'
    assert len(answer.sent) == 4
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["page", "a", "password"]
    assert event["sealtrail.response.fields"] == ["a", "password"]
    assert event["sealtrail.response.count"] == 1
    assert "hunter22" not in str(event)


@pytest.mark.parametrize(
    "headers", [[], [(b"content-type", b"image/png")], [*HEADERS, (b"content-encoding", b"gzip")]]
)
def test_what_has_no_fields_is_not_looked_at(ask, events, headers):
    async def app(scope, receive, send):
        await receive()
        await send({**START, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"a": 1}'})

    assert ask(AsgiWatch(app, Plan(True)), [part(b'{"a": 1}')], headers=headers).body == b'{"a": 1}'
    assert not [name for name in events()[0] if name.endswith(".fields")]


def test_an_answer_that_is_refused_by_its_server_still_has_its_fields(ask, events):
    async def gone(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    answer = ask(AsgiWatch(echo, Plan(True)), [part(b'{"a": 1}')], headers=HEADERS, send=gone)
    assert isinstance(answer.raised, OSError)
    assert events()[0]["sealtrail.request.fields"] == ["a"]


def test_odd_messages_are_for_the_server_to_judge(ask, made):
    async def app(scope, receive, send):
        await send({**START, "headers": [(b"content-type", None)]})
        await send({"type": "http.response.body", "body": b"x"})

    assert ask(AsgiWatch(app, Plan(True))).raised is None
    assert made.errors > 0


def test_websockets_and_lifespans_pass(ask):
    async def app(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    answer = ask(AsgiWatch(app, Plan(True)), [{"type": "websocket.connect"}], type="websocket")
    assert answer.raised is None


def test_an_application_of_fastapi_is_watched_by_one_word_and_mounts_are_watched_once(spool, events):
    app, inner = FastAPI(), FastAPI()
    inner.add_middleware(SealtrailMiddleware, service="inner", spool=spool, api_fields=True)
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool, api_fields=True)
    app.mount("/inner", inner)

    @inner.post("/orders")
    async def order(lines: Annotated[list[dict[str, int]], Body()], note: Annotated[str, Body()]):
        return {"orders": [{"id": n} for n, _ in enumerate(lines)]}

    sent = {"lines": [{"sku": 1}, {"sku": 2, "amount": 3}], "note": "x", "is_paid": True}

    async def post() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return (await client.post("/inner/orders", json=sent)).status_code

    assert asyncio.run(post()) == 200
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["lines", "lines.sku", "lines.amount", "note", "is_paid"]
    assert event["sealtrail.response.fields"] == ["orders", "orders.id"]
    assert event["sealtrail.response.count"] == 2


def quart_app():
    from quart import Quart, request

    app = Quart("q")

    @app.post("/echo")
    async def echo():
        return {"got": await request.get_json(), "rows": [1, 2]}

    return app


def litestar_app():
    from litestar import Litestar, Request, post

    @post("/echo")
    async def echo(request: Request) -> dict[str, Any]:
        return {"got": await request.json(), "rows": [1, 2]}

    return Litestar([echo])


@pytest.mark.parametrize("make", [quart_app, litestar_app])
def test_other_frameworks_are_watched_alike(spool, events, make):
    app = SealtrailMiddleware(make(), service="shop", spool=spool, api_fields=True)

    async def post():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return (await client.post("/echo?x=1", json={"a": {"b": 1}})).json()

    assert asyncio.run(post()) == {"got": {"a": {"b": 1}}, "rows": [1, 2]}
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["x", "a", "a.b"]
    assert event["sealtrail.response.fields"] == ["got", "got.a", "got.a.b", "rows"]
    assert event["sealtrail.response.count"] == 2


def test_headers_that_can_be_drawn_only_once_all_go_out(ask, events):
    async def app(scope, receive, send):
        pairs = [*HEADERS, (b"x-own", b"1")]
        await send({**START, "headers": (pair for pair in pairs)})
        await send({"type": "http.response.body", "body": b'{"a": 1}'})

    answer = ask(AsgiWatch(app, Plan(True)))
    assert [*HEADERS, (b"x-own", b"1")] == answer.sent[0]["headers"][:2]
    assert events()[0]["sealtrail.response.fields"] == ["a"]
