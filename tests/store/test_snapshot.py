"""What one query sees."""

from __future__ import annotations

from sealtrail.store.live import Live
from sealtrail.store.manifest import Extent, Manifest, Segment
from sealtrail.store.snapshot import Snapshot, furthest


def _segment(file, oldest, newest, first):
    return Segment(file, 1, 1, oldest, newest, {"access": Extent(first, first + 5, 5)}, (file,))


def _snapshot(**forgotten):
    segments = (_segment("a", 0, 9, 0), _segment("b", 10, 19, 5))
    return Snapshot(Manifest(segments=segments, forgotten=forgotten), Live(), {})


def test_a_period_keeps_the_segments_that_may_hold_it():
    files = lambda *period: [segment.file for segment in _snapshot().between(*period)]  # noqa: E731
    assert files(None, None) == ["a", "b"]
    assert files(9, 10) == ["a"]
    assert files(10, None) == ["b"]
    assert files(20, None) == []
    assert files(None, 0) == []


def test_a_floor_counts_only_while_a_segment_lies_below_it():
    assert _snapshot(access=7, audit=3).floors() == {"access": 7}
    assert _snapshot(access=0).floors() == {}


def test_columns_are_those_of_every_segment():
    assert _snapshot().columns == {"a", "b"}


def test_the_furthest_of_two_positions():
    assert furthest({"a": 1, "b": 5}, {"a": 2, "c": 3}) == {"a": 2, "b": 5, "c": 3}
