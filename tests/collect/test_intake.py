from __future__ import annotations

import json
from typing import Any

import pytest

from sealtrail.collect.intake import read_body, read_line
from sealtrail.errors import EventError
from sealtrail.event import canonical
from sealtrail.event.line import check_line

WHEN = "2026-11-24T08:00:00.000000Z"
OWN: dict[str, Any] = {
    "@timestamp": WHEN,
    "event.id": "0193f1c0-0000-7000-8000-000000000000",
    "sealtrail.kind": "request",
    "event.action": "http.request",
    "http.request.method": "GET",
    "url.query": "password=[redacted:password]",
    "sealtrail.schema": 1,
    "sealtrail.emitter": "app-1",
    "sealtrail.seq": 4,
}


def body_of(*events: Any) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def test_a_canonical_line_of_a_spool_is_its_fields():
    assert check_line(canonical(OWN)) == OWN


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (canonical(OWN).replace(b":", b": ", 1), "event.not-canonical"),
        (json.dumps(OWN, separators=(",", ":"), sort_keys=True).encode(), "event.not-canonical"),
        (canonical({**OWN, "event.ingested": WHEN}), "event.collector-key"),
        (canonical({**OWN, "sealtrail.kind": "alert"}), "event.reserved-kind"),
        (canonical({**OWN, "event.action": "sealtrail.prune"}), "event.reserved-kind"),
        (canonical({**OWN, "sealtrail.seq": "4"}), "event.type"),
        (canonical(OWN)[:-10], "event.not-json"),
        (b"\xff", "event.not-utf8"),
    ],
)
def test_a_spool_cannot_bring_anything_else(line: bytes, code: str):
    with pytest.raises(EventError) as caught:
        check_line(line)
    assert caught.value.code == code


def test_a_reserved_kind_is_read_where_it_is_allowed():
    alert = canonical({**OWN, "sealtrail.kind": "alert"})
    assert check_line(alert, reserved=True)["sealtrail.kind"] == "alert"
    assert read_line(alert, "e", 0, reserved=True)[0] == alert


def test_a_line_of_our_own_capture_is_kept_byte_for_byte():
    line = canonical({**OWN, "url.query": "password=what-capture-decided-to-keep"})
    kept, fields = read_line(line, "http-1", 0)
    assert kept == line
    assert fields["sealtrail.emitter"] == "app-1"


def test_a_line_that_only_claims_to_be_ours_is_scrubbed():
    claimed = {**OWN, "url.query": "password=hunter2hunter2"}
    for text in (
        json.dumps(claimed),
        json.dumps({k: v for k, v in claimed.items() if k != "sealtrail.schema"}),
    ):
        line, _ = read_line(text.encode(), "http-1", 0)
        assert b"hunter2" not in line


def test_the_same_foreign_line_gives_the_same_bytes_and_they_are_stable():
    text = (
        b'{ "user": {"id": 42}, "@timestamp": "2026-11-24T09:00:00+01:00", "message": "password=hunter2xyz" }'
    )
    first, fields = read_line(text, "file-x-0", 3)
    assert first == read_line(text, "file-x-0", 3)[0]
    assert fields["@timestamp"] == WHEN
    assert fields["user.id"] == "42"
    again, _ = read_line(first, "other", 9)
    assert again == first


def test_a_body_gives_events_and_a_reason_for_each_line_that_is_none():
    body = (
        body_of(
            {"@timestamp": WHEN, "message": "fine"},
            {"message": "no time"},
            {"@timestamp": WHEN, "event": {"ingested": WHEN}},
            {"@timestamp": WHEN, "sealtrail.kind": "system"},
            {"@timestamp": WHEN, "http.response.status_code": "many"},
            OWN,
        )
        + b'\n{"a":1,"a":2}\n\xff\n'
    )
    intake = read_body(body, content_type="application/x-ndjson", limit=10**6, emitter="http-abc")
    assert [item.number for item in intake.accepted] == [1, 6]
    assert [(r.line, r.path, r.code) for r in intake.rejected] == [
        (2, "$.@timestamp", "event.missing"),
        (3, "$.event.ingested", "event.collector-key"),
        (4, "$.sealtrail.kind", "event.reserved-kind"),
        (5, "$.http.response.status_code", "event.type"),
        (7, "$.a", "event.duplicate-key"),
        (8, "$", "event.not-utf8"),
    ]
    assert intake.refused[4] == b'{"a":1,"a":2}'
    first, own = intake.accepted
    assert (first.fields["sealtrail.emitter"], first.fields["sealtrail.seq"]) == ("http-abc", 0)
    assert (own.fields["sealtrail.emitter"], own.fields["sealtrail.seq"]) == ("app-1", 4)
    assert intake.lines() == [(first.line, first.fields), (own.line, own.fields)]
    assert all(canonical(fields) == line for line, fields in intake.lines())


def test_an_array_counts_its_elements():
    body = json.dumps([{"@timestamp": WHEN}, 7, {"@timestamp": WHEN, "a": {"b": 1}}], indent=1).encode()
    intake = read_body(body, content_type="application/json", limit=10**6, emitter="http-abc")
    assert [item.fields["sealtrail.seq"] for item in intake.accepted] == [0, 2]
    assert [(r.line, r.code) for r in intake.rejected] == [(2, "event.not-json")]
