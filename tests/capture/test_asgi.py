from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref

import pytest

import sealtrail
from sealtrail.capture import context, exchange
from sealtrail.capture.asgi import AsgiCapture
from sealtrail.spool.layout import Block, BlockList, publish_blocks


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"abc"})


async def must_not_run(scope, receive, send):
    raise AssertionError


@pytest.fixture
def blocked(spool):
    spool.mkdir(exist_ok=True)
    now = time.time()
    publish_blocks(spool, BlockList(now, (Block("203.0.113.9", now + 60, "b1"),)))


def test_a_refusal_is_answered_before_the_application_runs(ask, events, blocked):
    got = ask(must_not_run)
    assert (got.status, got.raised) == (403, None)
    assert json.loads(got.body) == {"error": "blocked", "request_id": got.headers[b"x-request-id"].decode()}
    assert int(got.headers[b"content-length"]) == len(got.body)
    assert ask(must_not_run, method="HEAD").body == b""
    expected = {
        "sealtrail.own": True,
        "event.type": ["access", "denied"],
        "event.outcome": "failure",
        "event.reason": "blocked",
        "http.response.status_code": 403,
        "sealtrail.policy.decision": "deny",
        "sealtrail.policy.rule": "block:b1",
        "client.ip": "203.0.113.9",
    }
    assert {name: events()[0].get(name) for name in expected} == expected


def test_a_blocked_websocket_is_closed_before_it_is_accepted(ask, events, blocked):
    got = ask(must_not_run, [{"type": "websocket.connect"}], type="websocket")
    assert got.sent == [{"type": "websocket.close", "code": 1008}]
    (event,) = events()
    assert (event["http.response.status_code"], event["sealtrail.own"]) == (403, True)
    assert (event["event.action"], event["event.type"]) == ("websocket.open", ["access", "denied"])


def test_what_is_no_request_passes_untouched(made, events):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    for kind in ("lifespan", "something.new"):
        scope = {"type": kind}
        asyncio.run(AsgiCapture(app, made)(scope, must_not_run, answer))
        assert seen.pop() == (scope, must_not_run, answer)
        assert scope == {"type": kind}
    assert events() == []


def test_an_application_within_an_application_is_recorded_once(ask, made, events):
    got = ask(AsgiCapture(AsgiCapture(answer, made), made))
    assert got.body == b"abc"
    assert [name for name, _ in got.sent[0]["headers"]] == [b"x-request-id"]
    assert len(events()) == 1


@pytest.mark.parametrize("part", ["exchange", "blocks"])
def test_a_fault_of_ours_never_costs_a_request(ask, made, monkeypatch, part):
    def broken(*_):
        raise RuntimeError("ours")

    if part == "exchange":
        monkeypatch.setattr(exchange, "new_ids", broken)
    else:
        monkeypatch.setattr(made.blocks, "find", broken)
    got = ask(answer)
    assert (got.status, got.body, got.raised) == (200, b"abc", None)
    assert made.errors == 1


def test_a_server_whose_messages_are_odd_gets_its_application(ask, made):
    assert ask(answer, headers=None).status == 200
    assert ask(answer, headers=[("text", "text"), (b"host", "text")]).status == 200
    assert ask(answer, client=()).status == 200
    assert made.errors == 2


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("odd", [{}, {"type": None}, None])
def test_messages_that_are_no_messages_are_the_applications_and_the_servers_affair(ask, made, kind, odd):
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        await send(odd)

    got = ask(app, [odd], type=kind)
    assert (seen, got.raised) == ([odd], None)


def test_tasks_and_threads_of_a_request_know_it_and_others_do_not(ask, events):
    seen = {}

    async def app(scope, receive, send):
        seen["here"] = sealtrail.request_id()
        seen["task"] = await asyncio.create_task(ident())
        seen["thread"] = await asyncio.to_thread(sealtrail.request_id)
        stranger = threading.Thread(target=lambda: seen.__setitem__("stranger", sealtrail.request_id()))
        stranger.start()
        stranger.join()
        await asyncio.to_thread(sealtrail.actor, user_id="u1")
        await asyncio.create_task(touch())
        await answer(scope, receive, send)

    async def ident():
        return sealtrail.request_id()

    async def touch():
        sealtrail.touched("invoice", "17", owner="u2")

    ask(app)
    (event,) = events()
    assert seen == dict.fromkeys(("here", "task", "thread"), event["http.request.id"]) | {"stranger": ""}
    assert (event["user.id"], event["sealtrail.object.id"]) == ("u1", "17")


def test_requests_that_overlap_in_one_loop_keep_apart(made, events):
    async def both():
        together = asyncio.Barrier(2)

        async def app(scope, receive, send):
            name = scope["path"][1:]
            sealtrail.actor(user_id=name)
            await together.wait()
            sealtrail.audit("thing.update", target=("thing", name))
            await answer(scope, receive, send)

        async def nothing(_=None):
            return {"type": "http.disconnect"}

        scopes = [{"type": "http", "path": f"/{name}", "headers": [], "method": "GET"} for name in "ab"]
        await asyncio.gather(*(AsgiCapture(app, made)(scope, nothing, nothing) for scope in scopes))

    asyncio.run(both())
    found = events()
    assert len(found) == 4
    ids = {event["user.id"]: event["http.request.id"] for event in found}
    assert len(set(ids.values())) == 2
    for event in found:
        assert event["http.request.id"] == ids[event["user.id"]]
        assert event.get("sealtrail.target.id", event["user.id"]) == event["user.id"]


def test_a_request_within_a_request_gives_the_outer_one_back(ask, made, events):
    seen = []

    async def outer(scope, receive, send):
        seen.append(sealtrail.request_id())
        await AsgiCapture(answer, made)({"type": "http", "path": "/in", "headers": []}, receive, sink)
        seen.append(sealtrail.request_id())
        await answer(scope, receive, send)

    async def sink(_):
        pass

    ask(outer)
    assert seen[0] == seen[1] != ""
    assert len(events()) == 2
    assert context.current.get() is None


def test_nothing_of_a_request_is_kept_once_it_is_over(ask, made):
    kept = []

    async def app(scope, receive, send):
        kept.append(weakref.ref(context.current.get()))
        await answer(scope, receive, send)

    gc.disable()
    try:
        for _ in range(3):
            ask(app)
        assert [ref() for ref in kept] == [None] * 3, "a cycle is left to the garbage collector"
    finally:
        gc.enable()
