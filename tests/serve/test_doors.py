from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import read
from sealtrail.serve.doors import Doors

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        yield made


def readings(server: Any) -> list[dict[str, Any]]:
    server.served.collector.pipeline.record({"event.action": "sealtrail.export"}).result()
    told = [read(entry) for entry in server.served.collector.ledger.read("audit", 0, 1000)]
    return [one for one in told if one["event.action"] == "sealtrail.read"]


def test_a_reading_is_on_disk_before_its_answer_is_out(server):
    assert server.get("/api/v1/search", "analyst", q="user.id:ann", since="2h").status_code == 200
    (told,) = readings(server)
    name = server.keys["analyst"].split("_")[1]
    assert (told["user.id"], told["user.roles"]) == (f"key:{name}", ["analyst"])
    assert told["client.ip"] == "127.0.0.1"
    assert told["sealtrail.kind"] == "system"
    assert told["message"] == "/api/v1/search q=user.id:ann since=2h"
    assert told["sealtrail.details"] == {
        "count": 1,
        "door": "/api/v1/search",
        "q": "user.id:ann",
        "repeated": False,
        "since": "2h",
    }


def test_asking_the_same_again_and_again_is_one_event_and_a_refusal_is_none(server):
    for _ in range(5):
        server.get("/api/v1/count", q="sealtrail.kind:alert")
    assert server.get("/api/v1/search", q="(").status_code == 400
    assert server.get("/api/v1/search", "ingest").status_code == 403
    assert [one["sealtrail.details"]["door"] for one in readings(server)] == ["/api/v1/count"]


def test_pages_of_one_search_are_one_reading(server):
    server.send(*({"@timestamp": "2026-11-24T08:00:00Z", "event.action": "x"} for _ in range(5)))
    assert server.served.collector.settle()
    cursor = ""
    for _ in range(3):
        answer = server.get("/api/v1/search", q="event.action:x", limit="2", cursor=cursor)
        cursor = answer.json()["cursor"]
    assert len(readings(server)) == 1


def test_what_tells_of_no_event_is_no_reading(server):
    for path in ("/api/v1/fields", "/api/v1/integrity", "/api/v1/blocks", "/readyz", "/healthz"):
        assert server.get(path).status_code == 200
    assert readings(server) == []


def test_every_route_of_the_api_says_what_it_is_about_and_reads_only_with_a_key(server):
    routes = Doors(server.served.collector, lambda: False).routes()
    api = [route for route in routes if route.path.startswith("/api/")]
    assert api
    assert not [route.path for route in api if not route.about or route.need == "public"]
    public = {route.path for route in routes if route.need == "public"}
    assert public == {"/healthz", "/sign-in", "/static/{name}"}
