from __future__ import annotations

import pytest

from sealtrail.event import Entry, canonical
from sealtrail.serve.holding import Wanted
from sealtrail.serve.holds import Hold, Register


def hold(**terms: str) -> Hold:
    empty = dict.fromkeys(("trail", "since", "until", "reason", "by", "ordered", "address"), "")
    return Hold(**{**empty, "name": "x", "query": "*", "placed": "2026-11-24T08:00:00.000000Z", **terms})


def entry(trail: str = "access", **fields: object) -> Entry:
    return Entry(trail, 7, b"{}", {"@timestamp": "2026-11-23T08:00:00.000000Z", **fields})


@pytest.mark.parametrize(
    ("terms", "on"),
    [
        ({}, True),
        ({"trail": "access"}, True),
        ({"trail": "audit"}, False),
        ({"query": "user.id:alice"}, True),
        ({"query": "user.id:bob or user.id:alice", "trail": "audit"}, False),
        ({"since": "2026-11-23T08:00:00.000000Z"}, True),
        ({"since": "2026-11-23T08:00:00.000001Z"}, False),
        ({"until": "2026-11-23T08:00:00.000000Z"}, False),
        ({"until": "2026-11-23T08:00:00.000001Z"}, True),
        # What a query counts from is when the hold was placed, whenever it is asked.
        ({"query": "@timestamp>=2d"}, True),
        ({"query": "@timestamp>=2h"}, False),
    ],
)
def test_a_hold_is_on_what_its_terms_say(terms, on):
    assert hold(**terms).matcher()(entry(**{"user.id": "alice"})) is on


def test_a_hold_on_a_trail_is_on_its_successors_as_well():
    assert hold(trail="access").matcher()(entry("access-2"))


def test_only_the_collector_says_what_holds(collecting, line):
    """A key with the right to send reserved events is no hand on what must not go."""
    with collecting("[ledger]\ncheckpoint-seconds = 0.02\n") as collector:
        placed = collector.holding.place(Wanted("x", "y", query="*"), "rita")
        forged = {"sealtrail.kind": "system", "sealtrail.hold.name": "x"}
        for seq, action in enumerate(("sealtrail.release", "sealtrail.hold")):
            fields = {**line(seq)[1], **forged, "event.action": action}
            collector.submit("key:1", [(canonical(fields), fields)])
        register = Register(collector.ledger)
        register.catch_up()
        assert register.open == {"x": placed}
        register.catch_up()  # nothing is read twice
        assert register.open == {"x": placed}
        assert register.past == []
