"""What a process without rights is lent: open files of one snapshot, and nothing a link leads to."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest

from sealtrail.errors import UsageError
from sealtrail.event import Batch, Entry, canonical
from sealtrail.store.columnar import ColumnarStore, Limits
from sealtrail.store.query.times import SECOND, stamp

SMALL = Limits(segment_rows=10, target_rows=200, grace_seconds=0.0)


def _batch(first: int, rows: int = 10) -> Batch:
    entries = []
    for index in range(first, first + rows):
        fields = {"@timestamp": stamp(index * SECOND), "user.id": f"u{index}"}
        entries.append(Entry("access", index, canonical(fields), fields))
    return Batch(tuple(entries), {"access": first}, {"access": first + rows})


@pytest.fixture
def store(tmp_path):
    made = ColumnarStore.open(tmp_path / "store", limits=SMALL)
    yield made
    made.close()


def _segments(store) -> list:
    return sorted(path for path in (store._folder).iterdir() if path.suffix == ".parquet")


def _live(loan) -> int:
    whole = os.pread(loan.live, os.fstat(loan.live).st_size, 0)
    with pa.ipc.open_stream(whole) as stream:
        return stream.read_all().num_rows


def test_segments_and_live_rows_are_lent_together(store):
    store.handle(_batch(0))
    store.handle(_batch(10, 3))
    with store.lend() as loan:
        assert len(loan.segments) == 1
        assert os.pread(loan.segments[0], 4, 0) == b"PAR1"
        assert _live(loan) == 3
    with pytest.raises(OSError):
        os.fstat(loan.segments[0])


def test_of_a_period_only_its_segments_are_opened(store):
    for first in range(0, 30, 10):
        store.handle(_batch(first))
    with store.lend(since=12 * SECOND, until=20 * SECOND) as loan:
        assert len(loan.segments) == 1


def test_a_lent_segment_can_be_read_after_it_was_deleted(store):
    store.handle(_batch(0))
    with store.lend() as loan:
        _segments(store)[0].unlink()
        assert os.pread(loan.segments[0], 4, 0) == b"PAR1"


def test_a_reader_looks_again_when_the_writer_merged_a_segment_away(store):
    store.handle(_batch(0))
    reader = ColumnarStore.open_reader(store._folder)
    for first in range(10, 80, 10):
        store.handle(_batch(first))
    while store.maintain(1.0):
        pass
    store.maintain(2.0)
    assert len(_segments(store)) == 1
    with reader.lend() as loan:
        assert len(loan.segments) == 1
    reader.close()


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "missing"])
def test_what_is_no_file_of_the_index_itself_is_not_lent(store, tmp_path, what):
    store.handle(_batch(0))
    (segment,) = _segments(store)
    secret = tmp_path / "secret"
    segment.rename(secret)
    if what == "link":
        segment.symlink_to(secret)
    elif what == "pipe":
        os.mkfifo(segment)
    elif what == "folder":
        segment.mkdir()
    with pytest.raises(UsageError) as refused, store.lend():
        pass
    assert refused.value.code == "usage.format"
    assert "sealtrail rebuild" in refused.value.hint
