from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import read
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.serve.evidence import check

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        made.send({"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read", "message": "é\n"})
        assert made.served.collector.settle()
        while made.served.collector.pipeline.published("audit") < 2:
            pass  # signed a moment after the receipt
        yield made


def address(server: Any) -> str:
    (row,) = server.get("/api/v1/search", q="event.action:invoice.read").json()["events"]
    return f"{row['sealtrail.trail']}/{row['sealtrail.index']}"


def test_an_entry_is_given_as_fields_and_as_the_text_that_is_hashed(server):
    place = address(server)
    told = server.get(f"/api/v1/events/{place}").json()
    entry = told["entry"].encode()
    assert read(entry)["message"] == "é\n" == told["event"]["message"]
    assert base64.b64decode(told["leaf"]) == leaf_hash(entry)
    assert told["address"] == place


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("audit/999999", "not-found.entry"),
        ("audit/x", "not-found.entry"),
        ("audit/-1", "not-found.entry"),
        ("audit/" + "9" * 30, "not-found.entry"),
        ("nothing/0", "not-found.trail"),
        ("..%2Faudit/0", "http.404"),
        ("AUDIT/0", "not-found.trail"),
    ],
)
@pytest.mark.parametrize("what", ["events", "proof"])
def test_what_is_not_there_is_404(server, what, path, code):
    answer = server.get(f"/api/v1/{what}/{path}", role="analyst")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_a_trail_is_proved_to_begin_with_what_was_kept(server, tmp_path):
    note = server.get("/trails/audit/checkpoint", role="auditor").text
    (tmp_path / "kept").write_text(note)
    size = int(note.split("\n")[1])
    for asked in ({"from": size}, {"from": size, "to": size}):
        answer = server.get("/api/v1/consistency/audit", role="auditor", **asked)
        assert answer.headers["content-type"].startswith("text/plain")
        (tmp_path / "proof").write_bytes(answer.content)
        report = check(tmp_path / "proof", [tmp_path / "kept"], [server.data / "keys" / "audit.vkey"])
        assert (report.verdict, report.anchored) == ("intact", True)


@pytest.mark.parametrize(
    ("path", "asked", "status", "code"),
    [
        ("audit", {}, 400, "query.parameter"),
        ("audit", {"from": "x"}, 400, "query.parameter"),
        ("audit", {"from": 2**53 + 1}, 400, "query.parameter"),
        ("audit", {"from": 2**53}, 404, "not-found.checkpoint"),
        ("audit", {"from": 1, "to": 2**50}, 404, "not-found.checkpoint"),
        ("nothing", {"from": 1}, 404, "not-found.trail"),
    ],
)
def test_what_no_proof_can_lead_to_is_said(server, path, asked, status, code):
    answer = server.get(f"/api/v1/consistency/{path}", role="auditor", **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_proof_convinces_somebody_who_has_the_public_key_and_nothing_else(server, tmp_path):
    place = address(server)
    trail = next(t for t in server.get("/api/v1/integrity").json()["trails"] if t["trail"] == "audit")
    proof = server.get(f"/api/v1/proof/{place}", role="analyst")
    assert proof.status_code == 200, proof.text
    assert proof.headers["Content-Type"].startswith("text/plain")
    assert place.replace("/", "-") in proof.headers["Content-Disposition"]
    (tmp_path / "p.tlog-proof").write_text(proof.text)
    (tmp_path / "e.json").write_text(server.get(f"/api/v1/events/{place}").json()["entry"])
    (tmp_path / "k.vkey").write_text(trail["key"] + "\n")
    report = check(tmp_path / "p.tlog-proof", keys=[tmp_path / "k.vkey"], entry=tmp_path / "e.json")
    assert report.verdict == "intact"


def test_who_may_only_read_gets_no_proof(server):
    assert server.get(f"/api/v1/proof/{address(server)}").status_code == 403


def test_integrity_says_how_far_each_trail_is_signed(server):
    server.served.collector.pipeline.mark().result()  # what was appended a moment ago is signed
    trails = {t["trail"]: t for t in server.get("/api/v1/integrity").json()["trails"]}
    assert set(trails) == {"access", "audit"}
    audit = trails["audit"]
    assert 0 < audit["signed"] <= audit["size"]
    assert audit["checkpoint"].splitlines()[:2] == [audit["origin"], str(audit["signed"])]
    assert audit["checkpoint"].splitlines()[2] == audit["root"]
    assert audit["signed_at"] >= "2026"
    assert audit["first"] == 0
    assert audit["anchors"] == []


def test_integrity_says_where_each_trail_is_anchored(serving, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with serving(tmp_path / "data", anchors=[str(tmp_path / "elsewhere")]) as server:
        (place,) = server.served.collector.anchors.places
        place.stop()
        trails = server.get("/api/v1/integrity").json()["trails"]
    for trail in trails:
        (one,) = trail["anchors"]
        assert one["where"] == str(tmp_path / "elsewhere")
        assert (one["kind"], one["since"], one["diverged"]) == ("folder", "", False)
        assert one["at"] >= "2026"


def test_what_was_pruned_is_gone_and_says_who_to_ask(server, monkeypatch):
    ledger = server.served.collector.ledger
    monkeypatch.setattr(ledger._known("audit"), "first", 1)
    monkeypatch.setattr(ledger._known("audit"), "_sealed", [None] * 9)
    answer = server.get("/api/v1/events/audit/0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "not-found.pruned")
    assert "sealtrail.prune" in answer.json()["error"]["hint"]
