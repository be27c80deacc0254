from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealtrail.errors import BusyError, LedgerError, NotFoundError
from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve import housekeeping as room
from sealtrail.serve.writing import Collector

VOLUME = 256
FUTURE = datetime.now(UTC) + timedelta(days=401)  # access events of today are too old then, audit events not
QUICK = "[ledger]\ncheckpoint-seconds = 0.02\n"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds are made by the tests."""
    monkeypatch.setattr(room, "EVERY_SECONDS", 3600.0)


def fill(collector: Collector, line: Callable, until: Callable, start: int, end: int) -> None:
    """Requests [start, end), signed, and their full volumes sealed."""
    for at in range(start, end, 100):
        collector.submit("key:1", [line(seq) for seq in range(at, min(at + 100, end))])
    until(lambda: collector.pipeline.published("access") >= end)
    collector.pipeline.seal_pending()


def prunes(data: Path) -> list[tuple[str, int, int]]:
    reader = LedgerReader(data, volume_entries=VOLUME)
    return [
        (e["sealtrail.range.trail"], e["sealtrail.range.first"], e["sealtrail.range.end"])
        for e in map(read, reader.read("audit", 0, 100_000))
        if e["event.action"] == "sealtrail.prune"
    ]


def volumes(data: Path, trail: str = "access") -> list[str]:
    return sorted(path.name for path in (data / "trails" / trail).glob("*.zst"))


def test_old_volumes_go_only_after_a_signed_event_says_so(collecting, line, until, tmp_path, monkeypatch):
    data = tmp_path / "data"
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 700)
        collector.settle()
        assert len(volumes(data)) == 2
        housekeeping = collector.housekeeping
        housekeeping.retain(datetime.now(UTC))
        assert prunes(data) == []  # nothing is old today
        housekeeping.retain(FUTURE)
        assert prunes(data) == [("access", 0, 512)]
        event = housekeeping._announced["access"][1]
        with monkeypatch.context() as unsigned:
            unsigned.setattr(collector.pipeline, "published", lambda _: event)
            housekeeping.drop_announced()
            assert len(volumes(data)) == 2
            assert collector.ledger.first()["access"] == 0
        until(lambda: collector.pipeline.published("audit") > event)
        housekeeping.drop_announced()
        assert volumes(data) == []
        assert collector.ledger.first() == {"access": 512, "audit": 0}
        # Search does not find them, count does not count them, and their address says what happened.
        assert collector.reading.search("event.id:e-17") == []
        rows = list(collector.reading.every("sealtrail.kind:request"))
        assert collector.reading.count("sealtrail.kind:request") == len(rows) < 700 - 450
        with pytest.raises(NotFoundError, match="pruned"):
            collector.reading.entry("access", 17)
        housekeeping.retain(FUTURE)  # said once
        assert len(prunes(data)) == 1
    report = verify(data, workers=1, volume_entries=VOLUME)
    assert report.verdict == "intact", report.lines()
    assert {trail.trail: trail.first for trail in report.trails} == {"access": 512, "audit": 0}


def test_after_pruning_writing_and_recovery_go_on(collecting, line, until, tmp_path):
    data = tmp_path / "data"
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 600)
        collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        collector.housekeeping.drop_announced()
    (data / "state" / "seen").unlink()
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 600, 1200)
        assert collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        collector.housekeeping.drop_announced()
        assert collector.ledger.first()["access"] == 1024
    assert prunes(data) == [("access", 0, 512), ("access", 512, 1024)]
    assert verify(data, workers=1, volume_entries=VOLUME).verdict == "intact"


def test_nothing_goes_that_the_slowest_follower_has_not_seen(collecting, line, until, tmp_path, monkeypatch):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 300)
        collector.settle()
        with monkeypatch.context() as trouble:

            def stuck(_: object) -> None:
                raise RuntimeError("stuck")

            trouble.setattr(collector.store, "handle", stuck)
            fill(collector, line, until, 300, 900)
            assert len(volumes(tmp_path / "data")) == 3
            collector.housekeeping.retain(FUTURE)
            assert prunes(tmp_path / "data") == [("access", 0, 256)]
        assert collector.settle()
        collector.housekeeping.retain(FUTURE)
        assert prunes(tmp_path / "data")[1:] == [("access", 0, 768)]


def test_a_crash_between_announcing_and_dropping_announces_again(collecting, line, until, tmp_path):
    data = tmp_path / "data"
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 600)
        collector.settle()
        collector.housekeeping.retain(FUTURE)
    assert len(volumes(data)) == 2
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        assert collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        collector.housekeeping.drop_announced()
    assert volumes(data) == []
    assert verify(data, workers=1, volume_entries=VOLUME).verdict == "intact"


def test_a_crash_while_dropping_leaves_an_index_that_names_nothing_that_is_gone(
    collecting, line, until, tmp_path, monkeypatch
):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 600)
        collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        with monkeypatch.context() as dying:

            def dies(*_: object, **__: object) -> None:
                raise OSError(5, "Input/output error")

            dying.setattr(room, "prune_volumes", dies)
            with pytest.raises(OSError, match="Input"):
                collector.housekeeping.drop_announced()
        assert len(volumes(tmp_path / "data")) == 2
        rows = list(collector.reading.every("sealtrail.kind:request"))
        assert collector.reading.count("sealtrail.kind:request") == len(rows) < 600
        collector.housekeeping.drop_announced()
        assert volumes(tmp_path / "data") == []


def test_a_crash_between_the_floor_and_the_files_is_finished_at_the_next_start(
    collecting, line, until, tmp_path, monkeypatch
):
    from sealtrail.ledger.files import Disk

    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 600)
        collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        with monkeypatch.context() as dying:

            def dies(*_: object) -> None:
                raise OSError(5, "Input/output error")

            dying.setattr(Disk, "unlink", dies)
            with pytest.raises(LedgerError, match="Input"):
                collector.housekeeping.drop_announced()
    assert len(volumes(tmp_path / "data")) == 2
    assert verify(tmp_path / "data", workers=1, volume_entries=VOLUME).verdict == "intact"
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.housekeeping.once()
        assert volumes(tmp_path / "data") == []
        assert collector.ledger.first()["access"] == 512
    assert len(prunes(tmp_path / "data")) == 1
    assert verify(tmp_path / "data", workers=1, volume_entries=VOLUME).verdict == "intact"


def test_old_volumes_can_go_while_the_disk_is_nearly_full(collecting, line, until, tmp_path):
    """They are what makes room: it must not take room to say that they go."""
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        fill(collector, line, until, 0, 600)
        collector.settle()
    full = f"{QUICK}[disk]\nfree-bytes = {1 << 62}\n"
    with collecting(full, volume_entries=VOLUME) as collector:
        with pytest.raises(BusyError):
            collector.submit("key:1", [line(600)])
        assert collector.settle()
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.pipeline.published("audit") > collector.housekeeping._announced["access"][1])
        collector.housekeeping.drop_announced()
        assert volumes(tmp_path / "data") == []


def test_a_round_that_fails_is_not_the_last(collecting, line, monkeypatch):
    monkeypatch.setattr(room, "EVERY_SECONDS", 0.005)
    with collecting() as collector:
        rounds = threading.Semaphore(0)

        def broken(_: float) -> bool:
            rounds.release()
            raise ZeroDivisionError

        monkeypatch.setattr(collector.store, "maintain", broken)
        assert all(rounds.acquire(timeout=10) for _ in range(3))
        assert collector.submit("key:1", [line(0)]).accepted == 1


def test_trouble_of_the_index_stops_neither_sealing_nor_receipts(
    collecting, line, until, tmp_path, monkeypatch
):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.submit("key:1", [line(seq) for seq in range(300)])
        until(lambda: collector.pipeline.published("access") >= 300)

        def broken(_: float) -> bool:
            raise ZeroDivisionError

        monkeypatch.setattr(collector.store, "maintain", broken)
        collector.housekeeping.once()
        assert len(volumes(tmp_path / "data")) == 1
        assert collector.submit("key:1", [line(300)]).accepted == 1
