from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import read
from sealtrail.web import export

Serving = Callable[..., AbstractContextManager[Any]]
OURS = "event.action:invoice.read"


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        events = [
            {
                "@timestamp": f"2026-11-24T08:00:0{number}Z",
                "event.action": "invoice.read",
                "user.id": "=cmd()" if number else "ann",
                "message": f"number {number}",
            }
            for number in range(5)
        ]
        made.send(*events)
        assert made.served.collector.settle()
        yield made


def exports(server: Any) -> list[dict[str, Any]]:
    ledger = server.served.collector.ledger
    told = [read(entry) for entry in ledger.read("audit", 0, 1000)]
    return [one for one in told if one["event.action"] == "sealtrail.export"]


def test_an_export_is_everything_oldest_first_and_recorded_before_and_after(server):
    answer = server.get("/api/v1/export", "auditor", q=OURS)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["message"] for one in told] == [f"number {number}" for number in range(5)]
    assert all("sealtrail.index" in one for one in told)
    while len(told := exports(server)) < 2:
        pass
    began, ended = told
    assert began["sealtrail.details"] == {"query": OURS}
    assert ended["sealtrail.details"] == {"query": OURS, "count": 5}
    assert began["user.roles"] == ["auditor"]
    assert began["user.id"].startswith("key:")
    assert began["client.ip"] == "127.0.0.1"


def test_the_raw_form_is_the_bytes_that_are_hashed(server):
    lines = server.get("/api/v1/export", "auditor", q=OURS, form="raw").content.splitlines()
    ledger = server.served.collector.ledger
    assert set(lines) < set(ledger.read("audit", 0, 1000))


def test_a_csv_has_the_columns_that_were_asked_for_and_runs_nothing(server):
    answer = server.get("/api/v1/export", "auditor", q=OURS, form="csv", columns="user.id,message,nothing")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["user.id", "message", "nothing"]
    assert rows[1] == ["ann", "number 0", ""]
    assert rows[2][0] == "'=cmd()"


@pytest.mark.parametrize(
    "params", [{"q": "("}, {"form": "xml"}, {"form": "csv", "columns": ","}, {"since": "yesteryear"}]
)
def test_what_cannot_be_exported_is_told_before_a_byte_is_sent_and_recorded_as_nothing(server, params):
    answer = server.get("/api/v1/export", "auditor", **params)
    assert answer.status_code == 400
    assert exports(server) == []


def test_nothing_matches_is_an_empty_export(server):
    assert server.get("/api/v1/export", "auditor", q="event.action:nothing").text == ""
    assert server.get("/api/v1/export", "viewer").status_code == 403


def test_a_reader_who_goes_away_is_recorded_with_what_was_sent(server, monkeypatch):
    monkeypatch.setattr(export, "CHUNK_ROWS", 1)
    long = "x" * 60_000
    server.send(
        *(
            {"@timestamp": "2026-11-24T09:00:00Z", "event.action": "long", "message": long}
            for _ in range(150)
        ),
    )
    assert server.served.collector.settle()
    with socket.create_connection(("127.0.0.1", server.served.port)) as line:
        key = server.keys["auditor"]
        line.sendall(
            f"GET /api/v1/export?q=event.action:long HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n\r\n".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 200")
    ends = []
    while not ends:
        ends = [one for one in exports(server) if "end" in one["event.type"]]
    assert ends[0]["sealtrail.details"]["count"] < 150
