from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealtrail.serve import tailing
from sealtrail.serve.access import keys_of
from sealtrail.web import tail

Serving = Callable[..., AbstractContextManager[Any]]
OURS = "event.action:invoice.read"


def event(name: str, **more: object) -> dict[str, object]:
    return {"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read", "message": name, **more}


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        yield made


class Stream:
    """What one tail was told: messages as (kind, id, data)."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def message(self) -> tuple[str, str, Any]:
        kind, place, data = "message", "", None
        for line in self._lines:
            name, _, value = line.partition(": ")
            match name:
                case "event":
                    kind = value
                case "id":
                    place = value
                case "data":
                    data = json.loads(value)
                case "" if data is not None:
                    return kind, place, data
        return "closed", place, None

    def names(self, count: int) -> list[str]:
        return [self.message()[2]["message"] for _ in range(count)]


@contextmanager
def following(server: Any, after: str = "", key: str = "", **params: str) -> Iterator[Stream]:
    headers = {"Authorization": f"Bearer {key or server.keys['viewer']}"}
    if after:
        headers["Last-Event-ID"] = after
    url = f"{server.url}/api/v1/tail"
    with httpx.stream("GET", url, params=params, headers=headers, timeout=30) as answer:
        yield Stream(answer)


def test_events_come_as_they_are_sealed_and_only_those_that_match(server):
    with following(server, q=OURS) as stream:
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        assert stream.answer.headers["Cache-Control"] == "no-store"
        server.send(event("one"), {**event("no"), "event.action": "other"}, event("two\nlines"))
        assert stream.names(2) == ["one", "two\nlines"]


def test_a_tail_begins_with_the_latest_where_that_is_asked_for(server):
    server.send(*(event(f"e{number}") for number in range(5)))
    assert server.served.collector.settle()
    with following(server, q=OURS, n="2") as stream:
        server.send(event("new"))
        assert stream.names(3) == ["e3", "e4", "new"]


def test_a_reader_that_comes_back_is_told_what_it_missed_and_nothing_twice(server):
    with following(server, q=OURS) as stream:
        server.send(event("one"))
        _, place, told = stream.message()
        assert told["message"] == "one"
    server.send(event("two"), event("three"))
    with following(server, place, q=OURS) as stream:
        server.send(event("four"))
        assert stream.names(3) == ["two", "three", "four"]


@pytest.mark.parametrize("place", ["x", "audit", "audit:-1", "audit:1,access:2", "a" * 5000, "audit:1." * 90])
def test_a_place_that_no_tail_gave_is_refused(server, place):
    with following(server, place) as stream:
        assert stream.answer.status_code == 400


def test_a_slow_reader_is_told_how_many_were_left_out(server, monkeypatch):
    monkeypatch.setattr(tailing, "MAX_WAITING", 3)
    held, go = threading.Event(), threading.Event()
    take = tailing.Tail.take

    def slow(self: Any) -> Any:
        held.set()
        assert go.wait(20)
        return take(self)

    monkeypatch.setattr(tailing.Tail, "take", slow)
    asked: list[Any] = []

    def read() -> None:
        with following(server, q=OURS) as stream:
            asked.extend(stream.message() for _ in range(4))

    reader = threading.Thread(target=read)
    reader.start()
    assert held.wait(20)
    # The loop of the server is held, so what comes in is written by the pipeline itself.
    collector = server.served.collector
    for number in range(5):
        collector.pipeline.record({"event.action": "invoice.read", "message": f"e{number}"}).result()
    assert collector.settle()
    go.set()
    reader.join(30)
    assert [one[2].get("message") for one in asked[:3]] == ["e0", "e1", "e2"]
    assert asked[3][0::2] == ("dropped", {"count": 2})


def test_a_revoked_key_ends_its_tail(server, monkeypatch):
    monkeypatch.setattr(tail, "BEAT_SECONDS", 0.0)
    name, key = keys_of(server.data).new("viewer")
    with following(server, key=key, q=OURS) as stream:
        keys_of(server.data).revoke(name)
        kind, _, told = stream.message()
        assert (kind, told) == ("end", {"why": "the key is unknown or revoked"})
        assert stream.message()[0] == "closed"


def test_a_stop_of_the_server_ends_every_tail_with_a_word(serving, tmp_path):
    told = []
    begun = threading.Event()

    def read() -> None:
        with following(server, q=OURS) as stream:
            begun.set()
            told.append(stream.message())

    with serving(tmp_path / "data") as server:
        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(20)
    reader.join(30)
    assert [one[0::2] for one in told] == [("end", {"why": "the collector is stopping"})]


def test_no_more_tails_than_are_served_and_one_that_left_makes_room(server, monkeypatch):
    monkeypatch.setattr(tailing, "MAX_TAILS", 1)
    with following(server, q=OURS):
        with following(server, q=OURS) as second:
            second.answer.read()
            assert second.answer.status_code == 429
            assert second.answer.json()["error"]["code"] == "busy.readers"
        with following(server, q="(") as bad:
            assert bad.answer.status_code == 400
    while server.served.collector.tails._open:
        server.send(event("so that the server notices"))
    with following(server, q=OURS) as third:
        assert third.answer.status_code == 200


def test_a_day_of_tail_is_one_reading(server):
    with following(server, q=OURS) as stream:
        server.send(event("one"), event("two"))
        stream.names(2)
        rows = server.served.collector.reading.search("event.action:sealtrail.read")
        assert [row.fields["sealtrail.details"]["door"] for row in rows] == ["/api/v1/tail"]
