from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

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
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query.syntax")


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
