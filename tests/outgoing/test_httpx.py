"""What is httpx's own: streams, hooks, transports of others, a second `watch`."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from sealtrail.outgoing.httpx import AsyncTransport, Transport, async_event_hooks, event_hooks, watch


def test_a_stream_is_not_read_ahead_and_is_recorded_when_it_is_closed(server, events):
    with watch(httpx.Client(trust_env=False)) as client:
        with client.stream("GET", f"{server.url}/large") as answer:
            assert events() == []
            parts = answer.iter_raw(1000)
            assert len(next(parts)) == 1000
        (event,) = events()
    assert 0 < event["http.response.body.bytes"] <= 70_000
    assert "response.unfinished" in event["sealtrail.notes"]


def test_watching_twice_records_once(server, events):
    with watch(watch(httpx.Client(trust_env=False))) as client:
        client.get(f"{server.url}/ok")
    assert len(events()) == 1


def test_hooks_record_what_they_see(server, events, inside):
    with httpx.Client(event_hooks=event_hooks(), trust_env=False) as client:
        client.get(f"{server.url}/ok")

    async def ask():
        async with httpx.AsyncClient(event_hooks=async_event_hooks(), trust_env=False) as client:
            await client.get(f"{server.url}/ok")

    asyncio.run(ask())
    assert [event["http.response.status_code"] for event in events()] == [200, 200]
    assert all("traceparent" in {name.lower() for name in seen} for _, seen in server.seen)


def test_a_transport_that_answers_by_itself_is_recorded_too(events):
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"a": 1})

    with httpx.Client(transport=Transport(httpx.MockTransport(answer))) as client:
        assert client.get("https://pay.example/a").json() == {"a": 1}

    async def ask():
        transport = AsyncTransport(httpx.MockTransport(answer))
        async with httpx.AsyncClient(transport=transport) as client:
            assert (await client.get("https://pay.example/a")).json() == {"a": 1}

    asyncio.run(ask())
    assert [event["destination.domain"] for event in events()] == ["pay.example", "pay.example"]


def test_what_the_transport_raises_goes_on_as_it_is(events):
    class OwnError(Exception):
        pass

    def answer(_: httpx.Request) -> httpx.Response:
        raise OwnError("Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123")

    with httpx.Client(transport=Transport(httpx.MockTransport(answer))) as client, pytest.raises(OwnError):
        client.get("https://pay.example/a")
    (event,) = events()
    assert event["error.type"].endswith("OwnError")
    assert "abcdefghij" not in event["error.message"]
