from __future__ import annotations

import json
import threading
from base64 import b64decode
from datetime import UTC, datetime

import msgspec
import pytest

from sealtrail.collect.intake import read_body, read_line
from sealtrail.collect.own import (
    Voice,
    diverged_event,
    head_event,
    revoke_event,
    rotate_event,
    successor_event,
)
from sealtrail.collect.spools import SpoolFollower
from sealtrail.errors import EventError
from sealtrail.event import canonical, check
from sealtrail.event.entry import seal, suffix
from sealtrail.event.line import check_line
from sealtrail.ledger.heads import Link, link_in
from sealtrail.spool.layout import segment_name

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)

RESERVED = [
    {"sealtrail.kind": "system"},
    {"sealtrail.kind": "alert"},
    {"event.kind": "alert"},
    {"event.action": "sealtrail.block"},
    {"event.action": "sealtrail."},
    {"sealtrail.kind": "audit", "event.action": "sealtrail.prune"},
]


def test_what_the_collector_says_is_a_canonical_line_that_only_it_may_write():
    voice = Voice(lambda: NOW)
    line, fields = voice.line({"event.action": "sealtrail.started"})
    assert check_line(line, reserved=True) == fields
    with pytest.raises(EventError) as refused:
        check_line(line)
    assert refused.value.code == "event.reserved-kind"
    assert fields["@timestamp"] == "2026-11-24T08:00:00.000000Z"
    assert fields["sealtrail.kind"] == "system"


def test_it_numbers_what_it_says_from_any_thread_and_what_is_given_wins():
    voice = Voice(lambda: NOW)
    said: list[int] = []
    threads = [
        threading.Thread(target=lambda: said.extend(voice.line({})[1]["sealtrail.seq"] for _ in range(100)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == list(range(400))
    named = voice.line({"sealtrail.emitter": "gap:e", "sealtrail.seq": 7})[1]
    assert (named["sealtrail.emitter"], named["sealtrail.seq"]) == ("gap:e", 7)


def test_two_runs_are_two_emitters():
    assert len({Voice(lambda: NOW).line({})[1]["sealtrail.emitter"] for _ in range(2)}) == 2


def test_a_head_says_which_trail_had_which_root():
    fields = Voice(lambda: NOW).line(head_event("audit", 17, bytes(range(32))))[1]
    check(fields, reserved=True)
    assert (fields["sealtrail.head.trail"], fields["sealtrail.head.size"]) == ("audit", 17)
    assert b64decode(fields["sealtrail.head.root"]) == bytes(range(32))


@pytest.mark.parametrize("claim", RESERVED)
def test_a_spool_cannot_speak_for_the_collector(writer, tmp_path, line, claim):
    folder = tmp_path / "spool"
    folder.mkdir()
    sent = line(1, **claim) + b"\n" + line(2) + b"\n"
    (folder / segment_name("e", 0)).write_bytes(sent)
    SpoolFollower(folder, writer.pipeline, writer.rejects, tmp_path / "offsets.json").look()
    assert writer.lines() == [line(2)]
    assert writer.lines("audit") == []
    assert writer.rejects.counts == {"event.reserved-kind": 1}


@pytest.mark.parametrize("claim", RESERVED)
def test_an_ingest_key_cannot_speak_for_the_collector_and_an_admin_key_can(line, claim):
    sent = line(1, **claim)
    for body in (sent, b"[" + sent + b"]", msgspec.json.format(sent)):
        kind = "application/json" if body != sent else ""
        refused = read_body(body, content_type=kind, limit=100_000, emitter="x")
        assert (refused.accepted, [r.code for r in refused.rejected]) == ([], ["event.reserved-kind"])
    assert len(read_body(sent, limit=100_000, emitter="x", reserved=True).accepted) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"event": {"action": "sealtrail.block", "kind": "event"}},
        {"event": {"action": ["sealtrail.block"]}},
        {"sealtrail": {"kind": "system"}, "event": {"action": "x"}},
        {"sealtrail": {"kind": ["system"]}, "event": {"action": "x"}},
        {"event": {"kind": ["alert"], "action": "x"}},
        {"event.kind": "alert", "event": {"action": "x"}, "sealtrail.kind": "request"},
    ],
)
def test_no_other_spelling_gets_past_an_ingest_key(sent):
    with pytest.raises(EventError) as refused:
        read_line(json.dumps({"@timestamp": "2026-01-01T00:00:00Z", **sent}).encode(), "x", 0)
    assert refused.value.code in {"event.reserved-kind", "event.type"}


@pytest.mark.parametrize("key", ["event.ingested", "sealtrail.source"])
def test_the_keys_of_the_collector_cannot_be_sent(line, key):
    fields = json.loads(line(1))
    forged = json.dumps({**fields, key: "2020-01-01T00:00:00.000000Z"}, separators=(",", ":")).encode()
    for read in (lambda: check_line(forged), lambda: read_line(forged, "x", 0)):
        with pytest.raises(EventError) as refused:
            read()
        assert refused.value.code == "event.collector-key"


def test_numbers_of_the_collector_cannot_be_claimed_beforehand(writer):
    """A producer that guesses the identity of an alert or a gap must not keep it from being written."""
    forged = canonical(
        {
            "@timestamp": "2026-01-01T00:00:00.000000Z",
            "event.id": "x",
            "event.action": "log.record",
            "sealtrail.kind": "audit",
            "sealtrail.emitter": "gap:e",
            "sealtrail.seq": 0,
        }
    )
    assert writer.pipeline.submit("spool", [(forged, check_line(forged))]).result(5).accepted == 1
    gap = {"event.action": "sealtrail.gap", "sealtrail.emitter": "gap:e", "sealtrail.seq": 0}
    assert writer.pipeline.record(gap).result(5).accepted == 1
    # Said again, after a crash for instance, the first statement stands, whatever the time is now.
    assert writer.pipeline.record(gap).result(5).duplicates == 1


def test_a_link_is_understood_by_the_verifier() -> None:
    line, _ = Voice(lambda: NOW).line(successor_event("audit", 7, bytes(32), b"origin\n7\nroot\n\nsigned\n"))
    entry = seal(line, suffix("2026-11-24T08:00:00.000000Z", "collector"))
    assert link_in(0, entry) == Link(0, "audit", 7, bytes(32), b"origin\n7\nroot\n\nsigned\n")


def test_a_divergence_is_told_once_however_often_it_is_seen():
    voice = Voice(lambda: NOW)
    told = [diverged_event("audit", 7, "cm9vdA==", "an anchor", "it shows another root") for _ in range(2)]
    lines = [voice.line(fields) for fields in told]
    identities = {(fields["sealtrail.emitter"], fields["sealtrail.seq"]) for _, fields in lines}
    assert len(identities) == 1
    other = diverged_event("audit", 8, "cm9vdA==", "an anchor", "it shows another root")
    assert voice.line(other)[1]["sealtrail.emitter"] not in {emitter for emitter, _ in identities}
    for line, fields in lines:
        assert check_line(line, reserved=True) == fields


def test_what_a_hostile_place_shows_fits_an_entry_and_is_still_a_note():
    note = f"{'x' * 2000}\n5\nroot\n\n" + "\u2014 a line\n" * 20_000
    event = diverged_event("audit", 5, "r", "an anchor", "\1" * 60_000, shown=note)
    shown = event["sealtrail.details"]["shown"]
    assert note.startswith(shown)
    assert shown.endswith("\u2014 a line\n")
    assert len(Voice(lambda: NOW).line(event)[0]) < 65_000
    worst = diverged_event("audit", 5, "r", "an anchor", "\1" * 60_000, shown="\1" * 60_000)
    assert len(Voice(lambda: NOW).line(worst)[0]) < 65_000


def test_no_reason_is_too_long_for_the_event_that_gives_it():
    for event in (
        rotate_event("audit", "old", "new", "me", "\1" * 70_000),
        revoke_event("audit", "old", "new", 5, "me", "\1" * 70_000),
    ):
        assert len(Voice(lambda: NOW).line(event)[0]) < 65_000
