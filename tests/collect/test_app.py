from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sealtrail.collect import app, inbox, own  # noqa: F401 - reached through the running server
from sealtrail.serve import guarding, housekeeping, importing, operating, reading  # noqa: F401 - as above
from sealtrail.serve.access import keys_of
from sealtrail.serve.evidence import check
from sealtrail.serve.running import Served


def event(number: int, **more: object) -> dict[str, object]:
    return {
        "@timestamp": "2026-11-24T08:00:00Z",
        "event.action": "invoice.read",
        "event.id": f"e{number}",
        "sealtrail.emitter": "tests",
        "sealtrail.seq": number,
        **more,
    }


class Server:
    def __init__(self, data: Path, url: str) -> None:
        self.data = data
        self.keys = {role: keys_of(data).new(role)[1] for role in ("ingest", "viewer", "admin")}
        self.http = httpx.Client(base_url=url, timeout=20)

    def as_(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}

    def send(self, *events: dict[str, object], role: str = "ingest", **headers: str) -> httpx.Response:
        body = "\n".join(json.dumps(one) for one in events)
        return self.http.post("/api/v1/events", content=body, headers={**self.as_(role), **headers})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Served(tmp_path / "data", port=0) as served:
        end = served.in_background()
        made = Server(tmp_path / "data", served.url)
        yield made
        made.http.close()
        end()


def test_what_is_acknowledged_is_where_the_receipt_says_and_sent_again_a_duplicate(server: Server) -> None:
    first = server.send(event(0), event(1)).json()
    assert (first["accepted"], first["duplicates"], first["rejected"]) == (2, 0, [])
    (receipt,) = first["receipts"]
    (start, end) = receipt["ranges"][0]
    assert (receipt["trail"], end - start) == ("audit", 2)
    again = server.send(event(0), event(1)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)


def test_other_bytes_under_a_known_identity_are_a_conflict(server: Server) -> None:
    server.send(event(0))
    assert server.send(event(0, message="forged")).json()["conflicts"] == 1


def test_a_bad_line_is_told_with_its_place_and_the_others_are_stored(server: Server) -> None:
    said = server.send(event(0), {"no": "time"}, event(1)).json()
    assert said["accepted"] == 2
    assert [one["line"] for one in said["rejected"]] == [2]


@pytest.mark.parametrize("forged", [{"sealtrail.kind": "alert"}, {"event.action": "sealtrail.prune"}])
def test_an_ingest_key_cannot_forge_what_the_collector_says(server: Server, forged: dict[str, str]) -> None:
    answer = server.send(event(0, **forged))
    assert answer.status_code == 422
    assert answer.json()["rejected"][0]["code"] == "event.reserved-kind"


def test_without_a_key_or_with_the_wrong_role_nothing_is_given(server: Server) -> None:
    assert server.http.post("/api/v1/events", content="{}").status_code == 401
    assert server.http.get("/api/v1/search").status_code == 401
    assert server.http.get("/api/v1/search", headers=server.as_("ingest")).status_code == 403
    assert server.send(event(0), role="viewer").status_code == 403
    assert server.http.get("/healthz").json() == {"status": "ok"}


def test_compressed_bodies_are_read_and_bombs_are_not(server: Server) -> None:
    headers = {**server.as_("ingest"), "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps(event(7)).encode())
    assert server.http.post("/api/v1/events", content=body, headers=headers).json()["accepted"] == 1
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    assert server.http.post("/api/v1/events", content=bomb, headers=headers).status_code == 413


def test_what_was_sent_is_found_over_http(server: Server) -> None:
    server.send(event(3, message="needle"))
    deadline = 100
    while not (rows := search(server, "needle")) and (deadline := deadline - 1):
        pass
    assert [row["event.id"] for row in rows] == ["e3"]
    bad = server.http.get("/api/v1/search", params={"q": "a:("}, headers=server.as_("viewer"))
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "query.syntax")


def test_a_stopped_server_leaves_everything_signed(tmp_path: Path) -> None:
    with Served(tmp_path / "data", port=0) as served:
        end = served.in_background()
        made = Server(tmp_path / "data", served.url)
        made.send(event(0))
        assert made.http.get("/readyz", headers=made.as_("viewer")).json()["ready"] is True
        made.http.close()
        end()
    report = check(tmp_path / "data")
    assert (report.verdict, sum(trail.uncommitted for trail in report.trails)) == ("intact", 0)


def search(server: Server, query: str) -> list[dict[str, object]]:
    answer = server.http.get("/api/v1/search", params={"q": query}, headers=server.as_("viewer"))
    rows: list[dict[str, object]] = answer.json()["events"]
    return rows
