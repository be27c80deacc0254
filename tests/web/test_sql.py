from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from sealtrail.event import read
from sealtrail.store.confine import possible
from sealtrail.web.sql import MAX_STATEMENT_BYTES

Serving = Callable[..., AbstractContextManager[Any]]
pytestmark = pytest.mark.skipif(bool(possible()), reason=possible() or "-")


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("sql") / "data") as made:
        made.send(
            *(
                {
                    "@timestamp": f"2026-11-24T08:0{n}:00Z",
                    "event.action": "invoice.read",
                    "user.id": f"u{n % 2}",
                }
                for n in range(8)
            )
        )
        assert made.served.collector.settle()
        yield made


def ask(server: Any, role: str = "analyst", **body: Any) -> httpx.Response:
    return server.http.post("/api/v1/sql", json=body, headers=server.as_(role))


def readings(server: Any) -> list[dict[str, Any]]:
    server.served.collector.pipeline.record({"event.action": "sealtrail.export"}).result()
    told = [read(entry) for entry in server.served.collector.ledger.read("audit", 0, 1000)]
    return [one for one in told if one["event.action"] == "sealtrail.read"]


def test_a_statement_is_answered_with_columns_and_rows(server):
    answer = ask(
        server,
        statement="""SELECT "user.id" AS who, count(*) AS n FROM events
                     WHERE "event.action" = 'invoice.read' GROUP BY 1 ORDER BY 1""",
        since="2026-11-24T08:01:00Z",
        until="2026-11-24T08:04:00Z",
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "columns": [{"name": "who", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        "rows": [["u0", 1], ["u1", 2]],
        "more": False,
        "missing": [],
    }
    assert ask(server, statement="FROM range(9)", limit=2).json()["more"] is True


def test_a_statement_is_recorded_before_it_runs_also_where_it_fails(server):
    leak = """SELECT error("user.id") FROM events WHERE "user.id" IS NOT NULL"""
    assert ask(server, "auditor", statement=leak).status_code == 400
    told = readings(server)[-1]
    assert told["user.roles"] == ["auditor"]
    assert told["sealtrail.details"]["door"] == "/api/v1/sql"
    assert told["sealtrail.details"]["statement"] == leak


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"statement": "SELECT nothing"}, 400, "query.sql"),
        ({"statement": "COPY events TO 'x'"}, 400, "query.not-select"),
        ({"statement": "SELECT 1", "limit": 0}, 400, "usage.argument"),
        ({"statement": "SELECT 1", "timeout": 0}, 400, "usage.argument"),
        ({"statement": "SELECT 1", "timeout": 51}, 400, "usage.argument"),
        ({"statement": "SELECT 1", "since": "whenever"}, 400, "query.time"),
        ({"statement": 1}, 422, "body.unreadable"),
        ({"statement": "SELECT 1", "limits": 1}, 422, "body.unreadable"),
        ({"statement": "x" * MAX_STATEMENT_BYTES}, 413, "body.too-large"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_a_code(server, body, status, code):
    answer = ask(server, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_refusal_says_where_in_the_statement(server):
    error = ask(server, statement="SELECT nothing FROM events").json()["error"]
    assert (error["query"], error["column"]) == ("SELECT nothing FROM events", 7)


@pytest.mark.parametrize("role", ["ingest", "viewer"])
def test_who_may_not_export_may_not_select(server, role):
    assert ask(server, role, statement="SELECT 1").json()["error"]["code"] == "access.denied"
