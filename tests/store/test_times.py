"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import QueryError
from sealtrail.store.query import times

NOW = times.micros(datetime(2026, 11, 24, 8, 30, 15, 123456, tzinfo=UTC))
MIDNIGHT = times.micros(datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("now", NOW, 1),
        ("2h", NOW - 2 * times.HOUR, 1),
        ("now-90m", NOW - 90 * times.MINUTE, 1),
        ("now+1d", NOW + times.DAY, 1),
        ("1h30m", NOW - 90 * times.MINUTE, 1),
        ("today", MIDNIGHT, times.DAY),
        ("Yesterday", MIDNIGHT - times.DAY, times.DAY),
        ("2026-11-24", MIDNIGHT, times.DAY),
        ("2026-11-24T08:30", MIDNIGHT + 510 * times.MINUTE, times.MINUTE),
        ("2026-11-24 08:30:15", NOW - 123456, times.SECOND),
        ("2026-11-24T08:30:15.123456Z", NOW, 1),
        ("2026-11-24T08:30:15.123456789z", NOW, 1),
        ("2026-11-24T10:30:15.123456+02:00", NOW, 1),
        ("1969-12-31T23:59:59.999999Z", -1, 1),
    ],
)
def test_a_time_covers_what_it_says(text, start, length):
    assert times.span(text, NOW) == (start, start + length)
    assert times.instant(text, NOW) == start


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "24.11.2026", "2026-11-24T25:00", "2h ago", "now-", "9999999w", "١h"]
)
def test_what_is_not_a_time_is_refused(text):
    with pytest.raises(QueryError) as caught:
        times.span(text, NOW)
    assert caught.value.code == "query.time"


def test_a_relative_time_without_a_present_is_refused():
    with pytest.raises(QueryError, match="relative"):
        times.span("2h")


def test_a_relative_time_is_told_absolutely_and_a_day_stays_a_day():
    assert times.absolute("2h", NOW) == "2026-11-24T06:30:15.123456Z"
    assert times.absolute("today", NOW) == "2026-11-24"


@pytest.mark.parametrize(
    ("text", "micros"),
    [("90s", 90_000_000), ("1h30m", 5_400_000_000), ("500ms", 500_000), ("1w", 604_800_000_000)],
)
def test_a_length_of_time_is_read(text, micros):
    assert times.duration(text) == micros


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "0s", "5y", "999999999w"])
def test_what_is_not_a_length_of_time_is_refused(text):
    with pytest.raises(QueryError):
        times.duration(text)


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_a_stamp_reads_back_as_its_time(time):
    assert times.from_stamp(times.stamp(time)) == time
    assert len(times.stamp(time)) == 27


@pytest.mark.parametrize("text", ["", "Z", "soonZ", "2026-11-24T08:00:00", "2026-11-24T08:00:00+00:00"])
def test_a_field_that_is_no_time_is_none(text):
    assert times.from_stamp(text) is None
