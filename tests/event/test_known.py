"""The quick way in never disagrees with the exact one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import EventError
from sealtrail.event.codec import canonical, decode, is_canonical, ordered
from sealtrail.event.fields import FIELDS
from sealtrail.event.known import known
from sealtrail.event.limits import MAX_DEPTH, MAX_INTEGER, MAX_LINE_BYTES
from sealtrail.event.validate import check

OWN: dict[str, Any] = {
    "@timestamp": "2026-11-24T08:00:00.123456Z",
    "event.id": "019ab1f2-0000-7000-8000-000000000001",
    "sealtrail.kind": "audit",
    "event.action": "user.role.update",
    "sealtrail.emitter": "shop-1f",
    "sealtrail.seq": 7,
}

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**54), 2**54),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.sampled_from(
        [
            "alert",
            "system",
            "request",
            "event",
            "sealtrail.prune",
            "2026-11-24T08:00:00Z",
            "2026-02-30T08:00:00Z",
            "2026-11-24T08:00:00+01:00",
            "\x7f",
            "\u202e",
            "-",
        ]
    ),
    st.lists(st.one_of(st.text(max_size=2), st.integers(0, 3)), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2),
)
CHANGED = st.dictionaries(st.one_of(st.sampled_from(sorted(FIELDS)), st.text(max_size=3)), VALUES, max_size=3)


def exact(line: bytes) -> dict[str, Any] | None:
    """What decoding, proving and checking say, one after the other."""
    try:
        fields = decode(line)
        check(fields)
    except EventError:
        return None
    return fields if is_canonical(line, fields) else None


def same(one: object, two: object) -> bool:
    return json.dumps(one) == json.dumps(two)


@given(CHANGED, st.sets(st.sampled_from(sorted(OWN)), max_size=1), st.sampled_from(["", "order", "space"]))
def test_what_it_takes_is_what_the_exact_way_takes_with_the_same_fields(changed, left_out, spoiled):
    fields = {name: value for name, value in {**OWN, **changed}.items() if name not in left_out}
    given_ = dict(reversed(ordered(fields).items())) if spoiled == "order" else ordered(fields)
    separators = (", ", ": ") if spoiled == "space" else (",", ":")
    for line in (
        json.dumps(given_, separators=separators, ensure_ascii=False).encode(errors="replace"),
        json.dumps(given_, separators=separators).encode(),
    ):
        found = known(line)
        assert found is None or same(found, exact(line))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_damaged_bytes_are_never_taken_for_more_than_they_are(at, junk):
    line = canonical({**OWN, "sealtrail.details": {"a": [1, {"b": "c"}]}, "tags": ["x"]})
    damaged = line[: at % len(line)] + junk + line[at % len(line) + len(junk) :]
    found = known(damaged)
    assert found is None or same(found, exact(damaged))


@pytest.mark.parametrize("kind", ["request", "authentication", "audit"])
def test_what_our_capture_writes_is_taken(events, kind):
    line = canonical(events[kind])
    assert known(line) == events[kind] == exact(line)
    whole = {**OWN, "sealtrail.change": [{"path": "role", "new": "admin"}], "event.duration": 5, "tags": []}
    assert known(canonical(whole)) == whole


@pytest.mark.parametrize(
    "line",
    [
        canonical(OWN).replace(b'"event.id"', b'"event.id":"x","event.id"'),
        canonical({**OWN, "shop.basket": 3}),
        canonical({**OWN, "event.duration": 1}).replace(b":1,", b":1.0,"),
        canonical({**OWN, "event.ingested": OWN["@timestamp"]}),
        canonical({**OWN, "event.kind": "alert"}),
        canonical({**OWN, "sealtrail.kind": "system"}),
        canonical({**OWN, "event.action": "sealtrail.prune"}),
        canonical({**OWN, "sealtrail.emitter": "a b"}),
        canonical({**OWN, "event.start": "2026-02-30T08:00:00Z"}),
        canonical({**OWN, "sealtrail.details": MAX_INTEGER + 1}),
        canonical({**OWN, "event.duration": MAX_INTEGER + 1}),
        canonical({**OWN, "sealtrail.seq": -1}),
        canonical(OWN) + b" ",
        canonical({**OWN, "message": "~"}).replace(b"~", b"\\u007e"),
        canonical({**OWN, "message": "~"}).replace(b"~", b"\x7f"),
        canonical({**OWN, "message": "~"}).replace(b"~", b"\xff"),
        canonical({**OWN, "message": "~"}).replace(b"~", b"x" * MAX_LINE_BYTES),
        canonical({**OWN, "sealtrail.details": "~"}).replace(b'"~"', b"[" * 100_000 + b"]" * 100_000),
        canonical({**OWN, "sealtrail.details": "~"}).replace(b'"~"', b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
        b"[]",
        b"",
    ],
)
def test_all_else_is_left_to_the_exact_way(line):
    assert known(line) is None
