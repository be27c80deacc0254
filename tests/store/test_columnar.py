"""The life of a row: live, in a segment, merged, forgotten; and what is left when the process dies."""

from __future__ import annotations

import contextlib
import os
import stat
import threading

import pytest

from sealtrail.errors import BusyError, UsageError
from sealtrail.event import Batch, Entry, canonical
from sealtrail.follow.protocols import Follower
from sealtrail.store import compaction, manifest
from sealtrail.store.base import Store
from sealtrail.store.columnar import ColumnarStore, Limits
from sealtrail.store.manifest import MANIFEST
from sealtrail.store.query import All, parse
from sealtrail.store.query.times import SECOND, stamp

SMALL = Limits(segment_rows=10, segment_seconds=60.0, target_rows=200, grace_seconds=100.0)


def _batch(first: int, rows: int = 10, trail: str = "access", **more) -> Batch:
    entries = []
    for index in range(first, first + rows):
        fields = {"@timestamp": stamp(index * SECOND), "user.id": f"u{index % 3}", **more}
        entries.append(Entry(trail, index, canonical(fields), fields))
    return Batch(tuple(entries), {trail: first}, {trail: first + rows})


def _files(folder) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix == ".parquet"}


def _indexes(store) -> list[int]:
    return [hit.index for hit in store.search(All(), limit=10_000, newest_first=False)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    made = ColumnarStore.open(folder, limits=SMALL)
    yield made
    made.close()


def test_it_is_a_follower_and_a_store(store):
    follower: Follower = store
    index: Store = store
    assert follower.name == "store"
    assert index.count(All()) == 0
    assert store.position() == {}


def test_an_empty_store_answers_everything_with_nothing(store):
    assert store.search(All()) == []
    assert store.count_by(All(), "user.id") == []
    assert store.histogram(All(), SECOND) == []


def test_rows_are_live_until_the_limit_and_then_a_segment(store, folder):
    store.handle(_batch(0, 9))
    assert _files(folder) == set()
    store.handle(_batch(9, 1))
    assert len(_files(folder)) == 1
    assert manifest.load(folder).position == {"access": 10}
    store.handle(_batch(10, 5))
    assert store.count(parse("user.id:*")) == 15
    assert store.position() == {"access": 15}


def test_rows_become_a_segment_at_an_age_by_the_callers_clock(store, folder):
    store.handle(_batch(0, 1))
    store.maintain(1000.0)
    store.maintain(1059.0)
    assert _files(folder) == set()
    store.maintain(1060.0)
    assert len(_files(folder)) == 1
    store.handle(_batch(1, 1))
    store.maintain(1061.0)
    assert len(_files(folder)) == 1


def test_a_batch_that_comes_again_is_taken_once(store):
    store.handle(_batch(0, 8))
    store.handle(_batch(0, 8))
    store.handle(_batch(4, 8))
    assert _indexes(store) == list(range(12))


def test_only_live_rows_are_lost_when_the_process_dies_and_the_position_says_so(folder):
    store = ColumnarStore.open(folder, limits=SMALL)
    store.handle(_batch(0, 10))
    store.handle(_batch(10, 5))
    again = ColumnarStore.open(folder, limits=SMALL)
    assert again.position() == {"access": 10}
    again.handle(_batch(10, 5))
    assert _indexes(again) == list(range(15))
    again.close()
    store.close()


@pytest.mark.parametrize("dies_before", ["fsync", "replace"])
@pytest.mark.parametrize("nth", range(4))
def test_a_crash_at_any_step_of_writing_a_segment_leaves_old_or_new(folder, monkeypatch, dies_before, nth):
    store = ColumnarStore.open(folder, limits=SMALL)
    store.handle(_batch(0, 10))
    store.handle(_batch(10, 4))
    calls = 0
    real = getattr(os, dies_before)

    def failing(*arguments, **more):
        nonlocal calls
        calls += 1
        if calls > nth:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(os, dies_before, failing)
    with contextlib.suppress(KeyboardInterrupt):
        store.flush()
    monkeypatch.undo()
    again = ColumnarStore.open(folder, limits=SMALL)
    assert again.position() in ({"access": 10}, {"access": 14})
    assert _indexes(again) == list(range(again.position()["access"]))
    assert _files(folder) == {segment.file for segment in manifest.load(folder).segments}
    assert not list(folder.glob("*.new"))
    again.close()
    store.close()


def test_a_disk_that_refuses_keeps_rows_live_then_holds_the_feeder_back(store, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest, "write_durably", full)
    store.handle(_batch(0, 10))
    assert "No space left" in store.trouble
    assert store.count(All()) == 10
    store.handle(_batch(10, 10))
    with pytest.raises(BusyError):
        store.handle(_batch(20, 10))
    assert store.position() == {"access": 20}
    monkeypatch.undo()
    store.handle(_batch(20, 10))
    assert store.trouble == ""
    assert _indexes(store) == list(range(30))


def test_many_small_segments_are_merged_into_few_and_nothing_changes(store, folder):
    for first in range(0, 100, 10):
        store.handle(_batch(first, 10))
    before = store.search(All(), limit=1000)
    assert len(manifest.load(folder).segments) == 10
    assert store.maintain(1.0)
    assert not store.maintain(2.0)
    assert len(manifest.load(folder).segments) == 10 - compaction.FAN_IN + 1
    assert store.search(All(), limit=1000) == before
    assert store.position() == {"access": 100}


def test_merged_files_are_deleted_only_after_the_grace_period(store, folder):
    for first in range(0, 80, 10):
        store.handle(_batch(first, 10))
    old = _files(folder)
    store.maintain(1000.0)
    assert old < _files(folder)
    store.maintain(1099.0)
    assert old < _files(folder)
    store.maintain(1100.0)
    assert not old & _files(folder)
    assert manifest.load(folder).retired == ()
    assert _indexes(store) == list(range(80))


def test_a_reader_that_opened_before_the_merge_goes_on_reading(store, folder):
    for first in range(0, 80, 10):
        store.handle(_batch(first, 10))
    reader = ColumnarStore.open_reader(folder)
    store.maintain(1.0)
    assert _indexes(reader) == list(range(80))
    store.maintain(1000.0)
    # The files it knew are gone now: it looks at the manifest again by itself.
    assert reader.count(parse("user.id:u1")) == store.count(parse("user.id:u1"))
    reader.close()


def test_a_reader_follows_the_ledger_from_the_manifest_and_writes_nothing(store, folder):
    store.handle(_batch(0, 10))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    reader = ColumnarStore.open_reader(folder)
    assert reader.position() == {"access": 10}
    reader.handle(_batch(10, 25))
    assert not reader.maintain(1e9)
    assert _indexes(reader) == list(range(35))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    # The writer catches up and passes the reader, which must then see each row once.
    store.handle(_batch(10, 40))
    reader.refresh()
    assert reader.position() == {"access": 50}
    assert _indexes(reader) == list(range(50))
    reader.close()


def test_a_reader_drops_its_rows_when_the_store_was_begun_anew(store, folder):
    store.handle(_batch(0, 10))
    reader = ColumnarStore.open_reader(folder)
    reader.handle(_batch(10, 5))
    store.clear()
    reader.refresh()
    assert reader.position() == {}
    assert reader.count(All()) == 0
    reader.close()


def test_rebuilding_from_the_same_batches_gives_the_same_answers(store):
    batches = [_batch(first, 7) for first in range(0, 70, 7)]
    for batch in batches:
        store.handle(batch)
    store.maintain(1.0)
    before = store.search(All(), limit=1000), store.count_by(All(), "user.id"), store.histogram(All(), SECOND)
    store.clear()
    assert store.position() == {}
    assert store.count(All()) == 0
    for batch in batches:
        store.handle(batch)
    after = store.search(All(), limit=1000), store.count_by(All(), "user.id"), store.histogram(All(), SECOND)
    assert before == after


def test_forgotten_rows_leave_the_disk_with_the_next_upkeep(store, folder):
    store.handle(_batch(0, 10, secret="planted-in-access"))
    store.handle(_batch(0, 3, "audit", secret="kept-in-audit"))
    store.handle(_batch(10, 10, secret="planted-in-access"))
    store.forget("access", 15)
    assert store.count(All()) == 8
    while store.maintain(1000.0):
        pass
    store.maintain(1100.0)
    assert store.count(All()) == 8
    held = sum(segment.rows for segment in manifest.load(folder).segments)
    assert held == 8
    # And what is fed late, from below the line, is not taken.
    store.handle(Batch(_batch(5, 5).entries, {"access": 5}, {"access": 10}))
    assert store.count(All()) == 8


def test_a_segment_with_nothing_left_is_dropped_whole(store, folder):
    store.handle(_batch(0, 10))
    store.handle(_batch(10, 10))
    store.forget("access", 10)
    assert len(manifest.load(folder).segments) == 1
    assert _indexes(store) == list(range(10, 20))


def test_forgetting_survives_the_process(folder):
    store = ColumnarStore.open(folder, limits=SMALL)
    store.handle(_batch(0, 10))
    store.forget("access", 5)
    store.close()
    again = ColumnarStore.open(folder, limits=SMALL)
    assert _indexes(again) == [5, 6, 7, 8, 9]
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / MANIFEST).write_bytes(b"{"),
        lambda folder: (folder / MANIFEST).write_bytes(b'{"version":99}'),
        lambda folder: next(folder.glob("*.parquet")).unlink(),
        lambda folder: os.truncate(next(folder.glob("*.parquet")), 10),
    ],
)
def test_an_index_that_cannot_be_used_is_begun_anew(folder, damage):
    store = ColumnarStore.open(folder, limits=SMALL)
    store.handle(_batch(0, 10))
    store.close()
    damage(folder)
    again = ColumnarStore.open(folder, limits=SMALL)
    assert again.position() == {}
    again.handle(_batch(0, 10))
    assert _indexes(again) == list(range(10))
    again.close()


def test_a_flipped_byte_in_a_segment_is_an_error_that_says_rebuild(store, folder):
    store.handle(_batch(0, 10))
    path = next(folder.glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        store.search(All())
    assert caught.value.code == "usage.format"
    assert "rebuild" in caught.value.hint


def test_only_the_owner_can_read_the_index(store, folder):
    store.handle(_batch(0, 10))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59Z"]
)
def test_a_time_far_away_breaks_neither_listing_nor_merging(store, time):
    store.handle(_batch(0, 5))
    fields = {"@timestamp": time, "user.id": "lost"}
    store.handle(Batch((Entry("audit", 0, canonical(fields), fields),), {"audit": 0}, {"audit": 1}))
    for first in range(5, 85, 10):
        store.handle(_batch(first, 10))
    store.maintain(1.0)
    hits = store.search(All(), limit=1000)
    assert len(hits) == 86
    lost = hits[0 if time.startswith("9") else -1]
    assert lost.fields == fields
    assert sum(n for _, n in store.histogram(All(), 3600 * SECOND)) == 86
    assert [hit.index for hit in store.search(parse("not user.id:lost"), limit=3)] == [84, 83, 82]


def test_queries_run_beside_feeding_and_merging_and_see_each_row_once(store):
    done = threading.Event()
    wrong: list[str] = []

    def ask() -> None:
        seen = 0
        while not done.is_set():
            indexes = _indexes(store)
            if indexes != list(range(len(indexes))) or len(indexes) < seen:
                wrong.append(f"{seen}: {indexes}")
            seen = len(indexes)

    def keep_up() -> None:
        now = 0.0
        while not done.is_set():
            now += 1.0
            store.maintain(now)

    threads = [threading.Thread(target=ask), threading.Thread(target=ask), threading.Thread(target=keep_up)]
    for thread in threads:
        thread.start()
    try:
        for first in range(0, 400, 4):
            store.handle(_batch(first, 4))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert _indexes(store) == list(range(400))
