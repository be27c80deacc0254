from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from sealtrail.event import FIELDS
from sealtrail.serve import asking

Serving = Callable[..., AbstractContextManager[Any]]


def event(number: int, **more: object) -> dict[str, object]:
    return {
        "@timestamp": "2026-11-24T08:00:00Z",
        "event.action": "invoice.read",
        "event.id": f"e{number}",
        "sealtrail.emitter": "tests",
        "sealtrail.seq": number,
        **more,
    }


@pytest.fixture(scope="module")
def shared(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("search") / "data") as made:
        made.send(*(event(number) for number in range(7)), event(7, message="needle"))
        assert made.served.collector.settle()
        yield made


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "ten", "", "1e3", "9" * 5000, "\u0661", " 5"])
def test_a_limit_that_cannot_be_is_refused(shared: Any, limit: str) -> None:
    answer = shared.http.get("/api/v1/search", params={"limit": limit}, headers=shared.as_("viewer"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query.parameter")


@pytest.mark.parametrize(
    "query", [{"since": "yesteryear"}, {"until": "x"}, {"q": "("}, {"q": "a:" + "(" * 5000}]
)
def test_a_question_that_cannot_be_read_is_refused(shared: Any, query: dict[str, str]) -> None:
    answer = shared.http.get("/api/v1/search", params=query, headers=shared.as_("viewer"))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].startswith("query.")


def test_a_search_gives_at_most_what_was_asked_for_newest_first(shared: Any) -> None:
    params = {"q": "event.action:invoice.read", "limit": "3"}
    answer = shared.http.get("/api/v1/search", params=params, headers=shared.as_("viewer")).json()
    assert answer["count"] == len(answer["events"]) == 3
    assert [one["sealtrail.index"] for one in answer["events"]] == sorted(
        (one["sealtrail.index"] for one in answer["events"]), reverse=True
    )


def test_what_was_sent_is_found_over_http(shared: Any) -> None:
    rows = shared.get("/api/v1/search", q="needle").json()["events"]
    assert [row["event.id"] for row in rows] == ["e7"]
    bad = shared.get("/api/v1/search", q="a:(")
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "query.syntax")


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["event.id"] for row in answer.json()["events"]]


def test_a_parameter_nobody_knows_or_gives_twice_is_refused_rather_than_passed_over(shared: Any) -> None:
    for params in ([("untill", "today")], [("q", "a"), ("q", "b")]):
        answer = shared.http.get("/api/v1/search", params=params, headers=shared.as_("viewer"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query.parameter")
    assert "until" in shared.get("/api/v1/search", untill="today").json()["error"]["hint"]


@pytest.mark.parametrize("size", [1, 3, 7, 8, 100])
def test_pages_give_every_event_once_also_while_new_ones_come(
    serving: Serving, tmp_path: Any, size: int
) -> None:
    with serving(tmp_path / "data") as server:
        server.send(*(event(number, **{"@timestamp": "2026-11-24T08:00:00Z"}) for number in range(8)))
        assert server.served.collector.settle()
        query = {"q": "event.action:invoice.read", "limit": str(size)}
        first = server.get("/api/v1/search", **query)
        found, cursor = ids(first), first.json()["cursor"]
        server.send(event(99, **{"@timestamp": "2026-11-24T09:00:00Z"}))
        assert server.served.collector.settle()
        while cursor:
            answer = server.get("/api/v1/search", **query, cursor=cursor)
            found, cursor = found + ids(answer), answer.json()["cursor"]
        assert found == [f"e{number}" for number in reversed(range(8))]


@pytest.mark.parametrize("cursor", ["x", "A" * 5000, "MS4yLng", "é", "MTkuMTk", "...", "MS4yLmF1ZGl0LjMK"])
def test_a_cursor_that_is_none_of_ours_is_refused(shared: Any, cursor: str) -> None:
    answer = shared.get("/api/v1/search", cursor=cursor)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query.parameter")


def test_counts_are_those_of_the_command_line(shared: Any) -> None:
    ours = "event.action:invoice.read"
    assert shared.get("/api/v1/count", q=ours).json() == {"query": ours, "counts": [{"count": 8}]}
    by = shared.get("/api/v1/count", q=ours, by="event.action").json()["counts"]
    assert by == [{"event.action": "invoice.read", "count": 8}]
    every = shared.get("/api/v1/count", q=ours, every="1h").json()["counts"]
    assert every == [{"@timestamp": "2026-11-24T08:00:00.000000Z", "count": 8}]
    both = shared.get("/api/v1/count", by="user.id", every="1h")
    assert (both.status_code, both.json()["error"]["code"]) == (400, "query.parameter")


def test_a_histogram_chooses_periods_that_fit_what_is_asked_for(shared: Any) -> None:
    def every(**params: str) -> str:
        return str(shared.get("/api/v1/histogram", q="event.action:invoice.read", **params).json()["every"])

    assert every(every="7m") == "7m"
    assert every(since="2026-11-24T08:00:00Z", until="2026-11-24T09:00:00Z") == "1m"
    assert every(since="2026-11-01", until="2026-11-30") == "12h"
    assert every() == "1s"
    assert every(since="1970-01-01", until="2026-11-24") == "365d"
    empty = shared.get("/api/v1/histogram", q="event.action:nothing").json()
    assert empty["periods"] == []


def test_facets_count_the_fields_that_are_named_or_the_usual_ones(shared: Any) -> None:
    told = shared.get("/api/v1/facets", q="event.action:invoice.read").json()["facets"]
    assert {"field": "event.action", "values": [{"value": "invoice.read", "count": 8}], "late": False} in told
    one = shared.get("/api/v1/facets", fields="sealtrail.kind").json()["facets"]
    assert [facet["field"] for facet in one] == ["sealtrail.kind"]
    assert shared.get("/api/v1/facets", fields=",".join("abcdefghijklmnopqrstuvwxyz")).status_code == 400
    assert shared.get("/api/v1/facets", fields=",").status_code == 400


def test_facets_there_was_no_time_for_say_so(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "FACET_SECONDS", -1.0)
    told = shared.get("/api/v1/facets", fields="user.id").json()["facets"]
    assert told == [{"field": "user.id", "values": [], "late": True}]


def test_fields_are_those_of_the_reference(shared: Any) -> None:
    told = shared.get("/api/v1/fields").json()["fields"]
    assert {"name": "client.ip", "type": "ip", "meaning": FIELDS["client.ip"].meaning} in told
    assert len(told) == len(FIELDS) + 2
