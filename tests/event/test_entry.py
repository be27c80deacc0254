"""Sealing and unsealing: the producer's bytes come back whatever they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sealtrail.errors import EventError
from sealtrail.event.codec import canonical, decode
from sealtrail.event.entry import Entry, ingested, seal, stamp, suffix, unseal
from sealtrail.event.limits import MAX_ENTRY_BYTES, MAX_LINE_BYTES

WHEN = "2026-11-24T08:00:00.123456Z"


def test_an_entry_is_the_line_with_the_collectors_two_keys_in_place_of_its_last_brace(events):
    line = canonical(events["request"])
    entry = seal(line, suffix(WHEN, "spool"))
    assert entry == line[:-1] + b',"event.ingested":"' + WHEN.encode() + b'","sealtrail.source":"spool"}'
    assert decode(entry) == {**events["request"], "event.ingested": WHEN, "sealtrail.source": "spool"}


def test_an_entry_of_each_kind_is_itself_canonical(events):
    for fields in events.values():
        entry = seal(canonical(fields), suffix(WHEN, "spool"))
        assert canonical(decode(entry)) == entry


@pytest.mark.parametrize(
    "text",
    [
        ',"event.ingested":"1999-01-01T00:00:00.000000Z","sealtrail.source":"forged"}',
        '","event.ingested":"1999-01-01T00:00:00.000000Z","sealtrail.source":"forged"}',
        '\\","event.ingested":"x',
        '\\\\","sealtrail.source":"x"}',
    ],
)
@pytest.mark.parametrize("place", ["value", "key", "nested", "source"])
def test_text_that_looks_like_the_collectors_keys_does_not_deceive(text, place):
    fields = {
        "value": {"message": text},
        "key": {text: 1},
        "nested": {"sealtrail.details": {"a": 1, "event.ingested": "1999", "sealtrail.source": text}},
        "source": {"message": "plain"},
    }[place]
    source = text if place == "source" else "spool"
    line = canonical(fields)
    entry = seal(line, suffix(WHEN, source))
    assert unseal(entry) == (line, WHEN, source)
    assert ingested(entry) == WHEN


def test_bytes_without_the_collectors_keys_are_not_an_entry():
    for line in (b"{}", b'{"a":1}', b"", b'{"a":1,"sealtrail.source":"x"}'):
        with pytest.raises(EventError):
            unseal(line)
        assert not ingested(line)


def test_the_longest_line_leaves_room_for_the_collectors_keys():
    line = b'{"a":"' + b"x" * (MAX_LINE_BYTES - 8) + b'"}'
    longest_source = "k" * 400
    entry = seal(line, suffix(WHEN, longest_source))
    assert len(entry) <= MAX_ENTRY_BYTES
    assert unseal(entry) == (line, WHEN, longest_source)


def test_a_stamp_is_utc_and_sorts_as_text():
    moment = datetime(2026, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    assert stamp(moment) == "2026-11-24T08:00:00.000000Z"
    moments = [
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in (0, 1, 999_999, 1_000_000)
    ]
    stamps = [stamp(m) for m in moments]
    assert stamps == sorted(stamps)
    assert len({len(s) for s in stamps}) == 1


def test_an_entry_says_its_address():
    assert Entry("audit", 17, b"{}", {}).address == "audit/17"
