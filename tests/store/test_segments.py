"""Segments: sorted, described, written whole or not at all."""

from __future__ import annotations

import os
import stat

import pyarrow.parquet as pq
import pytest

from sealtrail.event import Entry
from sealtrail.store import segments
from sealtrail.store.columns import INDEX, SCHEMA, TIME, table
from sealtrail.store.manifest import Extent
from sealtrail.store.query.times import stamp

NAME = "00000001.parquet"


def _rows(count=5, trail="access"):
    return table(
        [
            Entry(trail, index, b"", {"@timestamp": stamp((count - index) % 3), "user.id": f"u{index}"})
            for index in range(count)
        ]
    )


def test_rows_are_sorted_by_time_then_address():
    rows = segments.in_order(_rows())
    assert list(zip(rows[TIME].to_pylist(), rows[INDEX].to_pylist(), strict=True)) == [
        (0, 2),
        (1, 1),
        (1, 4),
        (2, 0),
        (2, 3),
    ]


def test_a_segment_says_what_it_holds(tmp_path):
    rows = segments.in_order(_rows())
    segment = segments.write(tmp_path, NAME, segments.groups(rows), segments.ids_of(rows))
    path = tmp_path / NAME
    assert (segment.file, segment.rows, segment.bytes) == (NAME, 5, path.stat().st_size)
    assert (segment.oldest, segment.newest) == (0, 2)
    assert segment.trails == {"access": Extent(0, 5, 5)}
    assert "user.id" in segment.columns
    assert "user.name" not in segment.columns
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pq.ParquetFile(path).read().cast(SCHEMA).equals(rows)


def test_row_groups_are_cut_and_extents_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "ROW_GROUP", 2)
    rows = segments.in_order(_rows())
    segment = segments.write(tmp_path, NAME, segments.groups(rows), {})
    assert pq.ParquetFile(tmp_path / NAME).metadata.num_row_groups == 3
    assert segment.trails == {"access": Extent(0, 5, 5)}


def test_only_ids_that_are_there_get_a_bloom_filter():
    assert segments.ids_of(_rows()) == {"user.id": 5}


def test_nothing_is_written_for_no_rows(tmp_path):
    assert segments.write(tmp_path, NAME, [SCHEMA.empty_table()], {}) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "fstat"])
def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, step):
    def refuse(_descriptor):
        raise OSError(28, "No space left on device")

    rows = segments.in_order(_rows())
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(OSError, match="No space"):
        segments.write(tmp_path, NAME, segments.groups(rows), {})
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
