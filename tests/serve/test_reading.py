from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from sealtrail.errors import NotFoundError, QueryError
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve import housekeeping
from sealtrail.serve import reading as reading_module
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading, Row
from sealtrail.store import columnar
from sealtrail.store.columnar import ColumnarStore, Limits

MOST = 1400  # entries that are written while another process looks

# Another process that looks whenever it is asked to: how many are there, and is any there twice?
LOOK = """
import json, sys
from pathlib import Path
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
for line in sys.stdin:
    reading = Reading.open(Folder(Path(sys.argv[1])))
    count = reading.count("sealtrail.kind:request")
    found = [row.address for row in reading.every("sealtrail.kind:request")]
    print(json.dumps([count, len(found), len(set(found))]), flush=True)
"""


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that writes, merges and deletes its files all the time."""
    limits = Limits(segment_rows=40, target_rows=400, grace_seconds=5.0)
    monkeypatch.setattr(columnar, "Limits", lambda: limits)
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.01)


def test_another_process_sees_every_acknowledged_entry_and_none_twice(
    collecting, line, restless, child, tmp_path
):
    acknowledged, seen = [0], []
    with collecting() as collector:
        looking = child("-c", LOOK, collector.folder.root)

        def look() -> None:
            before = acknowledged[0]
            looking.stdin.write("look\n")
            looking.stdin.flush()
            count, found, different = json.loads(looking.stdout.readline())
            assert before <= count
            assert before <= found == different
            seen.append(count)

        def write() -> None:
            for seq in range(0, MOST, 7):
                collector.submit("key:1", [line(seq + n) for n in range(7)])
                acknowledged[0] = seq + 7
                if seq == MOST // 2:
                    assert between.wait(20)

        look()  # until the other process is there
        between, writer = threading.Event(), threading.Thread(target=write)
        writer.start()
        try:
            while seen[-1] < MOST:
                look()
                if len(seen) > 2:
                    between.set()
        finally:
            between.set()
            writer.join()
        assert seen == sorted(seen)
        assert any(0 < count < MOST for count in seen)
        assert collector.settle()
        assert len(list((collector.folder.store).glob("*.parquet"))) > 0
        assert collector.reading.count("sealtrail.kind:request") == MOST


def test_a_reader_that_stays_open_catches_up_with_what_was_merged_meanwhile(
    collecting, line, restless, tmp_path, until
):
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(30)])
        reading = Reading.open(collector.folder)
        assert reading.count("sealtrail.kind:request") == 30
        for start in range(30, 630, 30):
            collector.submit("key:1", [line(seq) for seq in range(start, start + 30)])
            reading.catch_up()
            assert reading.count("sealtrail.kind:request") == start + 30
            found = [row.index for row in reading.every("sealtrail.kind:request")]
            assert len(found) == len(set(found)) == start + 30


def test_following_goes_on_from_a_position_and_misses_nothing(collecting, line):
    with collecting() as collector:
        reading = collector.reading
        collector.submit("key:1", [line(0)])
        rows, position = reading.after({}, "sealtrail.kind:request")
        assert [row.fields["event.id"] for row in rows] == ["e-0"]
        collector.submit("key:1", [line(1), line(2, **{"sealtrail.kind": "audit"}), line(3)])
        rows, position = reading.after(position, "event.action:http.request")
        assert [row.fields["event.id"] for row in rows] == ["e-1", "e-3", "e-2"]
        assert reading.after(position, "*")[0] == []


def test_whoever_begins_with_the_latest_and_goes_on_meets_each_entry_once(collecting, line, restless, until):
    """While rows move from live to segment, segments are merged, and volumes of the ledger are sealed."""
    with collecting(volume_entries=256) as collector:
        reading = Reading(
            LedgerReader(collector.folder.root, volume_entries=256),
            ColumnarStore.open_reader(collector.folder.store),
        )
        collector.submit("key:1", [line(seq) for seq in range(100)])
        searched = reading.search

        def late(query: str, limit: int) -> list[Row]:
            collector.submit("key:1", [line(100)])
            reading.catch_up()  # as a second look at the manifest does
            return searched(query, limit=limit)

        reading.search = late
        rows, position = reading.latest("sealtrail.kind:request", 1000)
        found = [row.fields["sealtrail.seq"] for row in rows][::-1]
        writer = threading.Thread(
            target=lambda: [
                collector.submit("key:1", [line(seq + n) for n in range(7)]) for seq in range(101, MOST, 7)
            ]
        )
        writer.start()
        while writer.is_alive() or reading.ledger.sizes() != position:
            for rows, end in reading.news(position, "sealtrail.kind:request"):
                found += [row.fields["sealtrail.seq"] for row in rows]
                position = end
        writer.join()
        assert found == list(range(len(found)))
        assert len(found) >= MOST


def test_entries_pruned_while_a_batch_is_read_do_not_end_the_following(collecting, line, monkeypatch):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
        taken, batch = [], reading_module.next_batch

        def pruned_once(*given):
            taken.append(1)
            if len(taken) == 1:
                raise NotFoundError("not-found.entry", "pruned")
            return batch(*given)

        monkeypatch.setattr(reading_module, "next_batch", pruned_once)
        rows, _ = collector.reading.after({}, "event.id:e-0")
        assert [row.fields["event.id"] for row in rows] == ["e-0"]


def test_every_row_carries_its_address_whatever_a_producer_claims(collecting, line):
    with collecting() as collector:
        claimed: dict[str, Any] = {"sealtrail.trail": "audit", "sealtrail.index": 999}
        receipt = collector.submit("key:1", [line(0, **claimed)])
        collector.settle()
        (row,) = collector.reading.search("event.id:e-0")
        index = receipt.receipts[0].ranges[0][0]
        assert (row.fields["sealtrail.trail"], row.fields["sealtrail.index"]) == ("access", index)
        assert row.address == f"access/{index}"
        assert collector.reading.entry("access", index).data == row.data


def test_what_was_never_written_or_cannot_be_read_is_said_so(collecting, line):
    with collecting() as collector:
        with pytest.raises(NotFoundError):
            collector.reading.entry("access", 17)
        with pytest.raises(QueryError):
            collector.reading.search("a:(")
        with pytest.raises(QueryError):
            collector.reading.count("*", since="yesteryear")


def test_reading_writes_nothing_and_needs_no_lock(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])

    def state(root: Path) -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    before = state(tmp_path / "data")
    reading = Reading.open(Folder(tmp_path / "data"))
    assert reading.count("sealtrail.kind:request") == 1
    assert state(tmp_path / "data") == before
