"""What is merged, and that merging changes nothing but the files."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from sealtrail.event import Entry
from sealtrail.store import segments
from sealtrail.store.columns import INDEX, TIME, TRAIL, table
from sealtrail.store.compaction import FAN_IN, merge, plan
from sealtrail.store.engine import Engine
from sealtrail.store.manifest import Segment
from sealtrail.store.query.times import stamp


def _segment(rows, number):
    return Segment(f"{number:08d}.parquet", rows, 1, number, number, {}, ())


def test_fewer_than_a_full_set_are_left_alone():
    assert plan([_segment(10, n) for n in range(FAN_IN - 1)], 1000) == []


def test_the_smallest_alike_are_merged_first():
    small = [_segment(10, n) for n in range(FAN_IN)]
    large = [_segment(100, n) for n in range(20, 20 + FAN_IN)]
    assert plan([*large, *small], 10_000) == small


def test_segments_of_the_target_size_are_never_touched_again():
    assert plan([_segment(1000, n) for n in range(50)], 1000) == []


def test_what_is_merged_does_not_grow_beyond_the_target():
    chosen = plan([_segment(300, n) for n in range(FAN_IN)], 1000)
    assert len(chosen) >= 2
    assert sum(segment.rows for segment in chosen) <= 1000


def test_planning_again_and_again_ends():
    known = [_segment(7 + n % 5, n) for n in range(500)]
    steps = 0
    while chosen := plan(known, 1000):
        known = [s for s in known if s not in chosen]
        known.append(_segment(sum(s.rows for s in chosen), chosen[0].oldest))
        steps += 1
        assert steps < 500
    assert len(known) < 4 * FAN_IN


@pytest.fixture
def engine(tmp_path):
    made = Engine(tmp_path)
    yield made
    made.close()


def _write(folder, name, entries):
    rows = segments.in_order(table(entries))
    return segments.write(folder, name, segments.groups(rows), segments.ids_of(rows))


def _entries(trail, indexes, time):
    return [
        Entry(
            trail,
            i,
            b"",
            {"@timestamp": stamp(time(i)), "tags": ["a", str(i)], "client.ip": "10.0.0.1", "x": [i]},
        )
        for i in indexes
    ]


@pytest.mark.parametrize(
    "time",
    [lambda i: i, lambda i: 5, lambda i: -i, lambda i: i % 3],
    ids=["rising", "same", "falling", "few"],
)
def test_a_merge_holds_every_row_once_in_order_in_row_groups(tmp_path, engine, monkeypatch, time):
    monkeypatch.setattr(segments, "ROW_GROUP", 16)
    one = _write(tmp_path, "1.parquet", _entries("access", range(50), time))
    two = _write(
        tmp_path, "2.parquet", _entries("access", range(50, 70), time) + _entries("audit", range(9), time)
    )
    merged = merge(engine, tmp_path, [one, two], {}, "3.parquet")
    parts = [pq.ParquetFile(tmp_path / name).read() for name in ("1.parquet", "2.parquet", "3.parquet")]
    keys = [list(zip(*(part[c].to_pylist() for c in (TIME, TRAIL, INDEX)), strict=True)) for part in parts]
    assert keys[2] == sorted(keys[0] + keys[1])
    assert merged.rows == 79
    assert merged.trails["access"].end == 70
    rows = [sorted(map(str, part.to_pylist())) for part in parts]
    assert rows[2] == sorted(rows[0] + rows[1])
    metadata = pq.ParquetFile(tmp_path / "3.parquet").metadata
    assert max(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)) <= 16


def test_forgotten_rows_are_left_out_and_a_merge_of_nothing_is_none(tmp_path, engine):
    one = _write(tmp_path, "1.parquet", _entries("access", range(10), lambda i: i))
    assert merge(engine, tmp_path, [one], {"access": 4}, "2.parquet").rows == 6
    assert merge(engine, tmp_path, [one], {"access": 10}, "3.parquet") is None
    assert not (tmp_path / "3.parquet").exists()
