from __future__ import annotations

import pytest

from sealtrail.event.codec import canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.ledger.heads import Head, Link, Prune, head_in, link_in, prune_in
from sealtrail.ledger.note import base64_text

HEAD = {
    "sealtrail.kind": "system",
    "event.action": "sealtrail.head",
    "sealtrail.head.trail": "access",
    "sealtrail.head.size": 7,
    "sealtrail.head.root": base64_text(bytes(32)),
}
PRUNE = {
    "sealtrail.kind": "system",
    "event.action": "sealtrail.prune",
    "sealtrail.range.trail": "access",
    "sealtrail.range.end": 1024,
}
MOMENT = "2026-11-24T08:00:00.000000Z"


def entry(fields: dict[str, object]) -> bytes:
    return seal(canonical(fields), suffix(MOMENT, "collector"))


def test_a_head_and_a_prune_are_recognised():
    assert head_in(5, entry(HEAD)) == Head(5, MOMENT, "access", 7, bytes(32))
    assert prune_in(6, entry(PRUNE)) == Prune(6, "access", 1024, moment=MOMENT)
    assert head_in(5, entry(PRUNE)) is None
    assert prune_in(6, entry(HEAD)) is None


def test_a_link_is_recognised_and_is_no_head():
    said = {**HEAD, "event.action": "sealtrail.successor", "sealtrail.head.note": "a note\n"}
    assert link_in(0, entry(said)) == Link(0, "access", 7, bytes(32), b"a note\n")
    assert head_in(0, entry(said)) is None
    for change in ({"sealtrail.kind": "audit"}, {"sealtrail.head.note": 3}, {"sealtrail.head.size": -1}):
        assert link_in(0, entry({**said, **change})) is None
    assert link_in(0, entry(HEAD)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"sealtrail.kind": "audit"},
        {"event.action": "other", "message": "sealtrail.head"},
        {"sealtrail.head.size": -1},
        {"sealtrail.head.size": "7"},
        {"sealtrail.head.size": True},
        {"sealtrail.head.trail": 3},
        {"sealtrail.head.root": "AAAA"},
        {"sealtrail.head.root": None},
    ],
)
def test_what_only_looks_like_a_head_is_none(change):
    assert head_in(0, entry({**HEAD, **change})) is None


@pytest.mark.parametrize("data", [b"", b'"sealtrail.head"', b'{"x":"sealtrail.head"', b'["sealtrail.head"]'])
def test_bytes_that_are_no_event_are_none(data):
    assert link_in(0, data.replace(b"head", b"successor")) is None
    assert head_in(0, data) is None
    assert prune_in(0, data.replace(b"head", b"prune")) is None


def test_a_prune_says_why_by_whom_and_what_was_kept_for_a_hold():
    said = {
        **PRUNE,
        "event.reason": "retention of 400 days",
        "user.id": "rita",
        "sealtrail.range.first": 512,
        "sealtrail.range.root": base64_text(bytes(32)),
        "sealtrail.details": {"held": [[600, 602], [700, 701]]},
    }
    assert prune_in(6, entry(said)) == Prune(
        6,
        "access",
        1024,
        512,
        bytes(32),
        MOMENT,
        "retention of 400 days",
        "rita",
        ((600, 602), (700, 701)),
    )
    for details in ({"held": [[1]]}, {"held": "x"}, {"held": 3}, "x"):
        found = prune_in(6, entry({**said, "sealtrail.details": details}))
        assert found is not None
        assert found.held == ()
    damaged = prune_in(6, entry({**said, "sealtrail.range.root": "!"}))
    assert damaged is not None
    assert damaged.root not in {b"", bytes(32)}
