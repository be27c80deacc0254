from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealtrail.collect.own import SUCCESSOR
from sealtrail.collect.pipeline import Pipeline, Trails, open_trails
from sealtrail.collect.seen import Seen
from sealtrail.errors import BusyError, LedgerError, TamperedError
from sealtrail.event import Batch, Fields, canonical, read
from sealtrail.ledger.files import Disk
from sealtrail.ledger.log import Log
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.settings import Settings
from sealtrail.spool.rejects import Rejects


def line(seq: int, emitter: str = "e", **more: object) -> tuple[bytes, Fields]:
    fields: Fields = {
        "@timestamp": "2026-01-01T00:00:00.000000Z",
        "event.id": f"{emitter}-{seq}",
        "sealtrail.kind": "request",
        "event.action": "http.request",
        "sealtrail.emitter": emitter,
        "sealtrail.seq": seq,
        **more,
    }
    data = canonical(fields)
    return data, fields


def entries(built, trail: str) -> list[Fields]:
    return [read(e) for e in built.reader.read(trail, 0, 10_000)]


def test_a_receipt_names_the_entries_and_they_are_what_was_sent(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        receipt = built.pipeline.submit("spool", [line(0), line(1)]).result(5)
        assert (receipt.accepted, receipt.duplicates, receipt.conflicts) == (2, 0, 0)
        assert [(r.trail, r.ranges, r.size) for r in receipt.receipts] == [("access", ((0, 2),), 2)]
        assert [e["event.id"] for e in entries(built, "access")] == ["e-0", "e-1"]
        assert {e["sealtrail.source"] for e in entries(built, "access")} == {"spool"}


def test_a_batch_can_reach_both_trails_and_followers_see_it_as_one(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        lines = [line(0), line(1, **{"sealtrail.kind": "audit"}), line(2)]
        receipt = built.pipeline.submit("spool", lines).result(5)
        assert {r.trail: r.ranges for r in receipt.receipts} == {"access": ((0, 2),), "audit": ((0, 1),)}
        batch = built.batches[0]
        assert [e.address for e in batch.entries] == ["access/0", "access/1", "audit/0"]
        assert len({e.fields["event.ingested"] for e in batch.entries}) == 1


def test_a_repeated_line_is_a_duplicate_within_a_submission_and_after_a_restart(
    open_writer, tmp_path: Path
) -> None:
    with open_writer() as built:
        assert built.pipeline.submit("spool", [line(0), line(0)]).result(5).duplicates == 1
    with open_writer() as built:
        receipt = built.pipeline.submit("spool", [line(0), line(1)]).result(5)
        assert (receipt.accepted, receipt.duplicates) == (1, 1)


def test_the_same_identity_with_other_bytes_is_kept_aside_and_counted(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        built.pipeline.submit("key:1", [line(0)]).result(5)
        receipt = built.pipeline.submit("key:1", [line(0, message="forged")]).result(5)
        assert (receipt.accepted, receipt.conflicts) == (0, 1)
        assert built.rejects.counts == {"event.conflict": 1}
        assert len(entries(built, "access")) == 1


def test_conflicts_are_told_in_the_ledger_the_first_at_once_and_the_rest_before_the_writer_ends(
    open_writer, tmp_path: Path
) -> None:
    with open_writer() as built:
        built.pipeline.submit("key:1", [line(0)]).result(5)
        for number in range(4):
            built.pipeline.submit("key:1", [line(0, message=f"forged {number}")]).result(5)
        (told,) = [e for e in entries(built, "audit") if e["event.action"] == "sealtrail.conflict"]
        assert told["sealtrail.source"] == "collector"
        assert told["sealtrail.details"] == {"conflicts": 1, "sources": {"key:1": 1}}
    with open_writer() as built:
        told = [e for e in entries(built, "audit") if e["event.action"] == "sealtrail.conflict"]
        assert [e["sealtrail.details"]["conflicts"] for e in told] == [1, 3]
        assert {e["sealtrail.range.first"] for e in told} == {0}


def test_another_source_may_use_the_same_numbers(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        built.pipeline.submit("key:attacker", [line(0, message="first")]).result(5)
        assert built.pipeline.submit("spool", [line(0)]).result(5).accepted == 1


def test_stopping_signs_what_was_written_and_the_trails_know_each_others_head(
    open_writer, tmp_path: Path
) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(0), line(1)]).result(5)
    report = verify(tmp_path / "data")
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0])
    with open_writer(started=False) as built:
        assert entries(built, "audit")[-1]["sealtrail.head.trail"] == "access"
        assert entries(built, "audit")[-1]["sealtrail.head.size"] == 2
        assert entries(built, "access")[-1]["sealtrail.head.trail"] == "audit"


def test_quiet_is_not_news_so_nothing_is_signed_again(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(0)]).result(5)
    sizes = [t.size for t in verify(tmp_path / "data").trails]
    with open_writer():
        pass
    assert [t.size for t in verify(tmp_path / "data").trails] == sizes


def test_stamps_grow_even_when_the_clock_is_set_back(open_writer, tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = [now, now, now - timedelta(hours=1), now, now, now]
    with open_writer(clock=lambda: times.pop(0) if len(times) > 1 else times[0]) as built:
        for seq in range(4):
            built.pipeline.submit("spool", [line(seq)]).result(5)
        stamps = [e["event.ingested"] for e in entries(built, "access")]
    assert stamps == sorted(set(stamps))
    with open_writer(clock=lambda: now - timedelta(days=1)) as built:
        built.pipeline.submit("spool", [line(9)]).result(5)
        assert entries(built, "access")[-1]["event.ingested"] > stamps[-1]


def test_a_full_disk_refuses_before_anything_is_queued(open_writer, tmp_path: Path) -> None:
    with open_writer(full="only 1 MiB is free") as built, pytest.raises(BusyError) as refused:
        built.pipeline.submit("spool", [line(0)])
    assert refused.value.code == "busy.disk"


def test_a_full_queue_refuses_and_takes_again_when_the_writer_has_caught_up(
    open_writer, tmp_path: Path
) -> None:
    with open_writer(started=False) as built:
        large = [line(seq, message="x" * 60_000) for seq in range(1200)]
        first = built.pipeline.submit("spool", large)
        with pytest.raises(BusyError) as refused:
            built.pipeline.submit("spool", [line(seq, emitter="f") for seq in range(2000)] + large)
        assert refused.value.code == "busy.queue"
        built.pipeline.start()
        assert first.result(30).accepted == 1200
        assert built.pipeline.submit("spool", [line(0, emitter="g")]).result(5).accepted == 1


def test_a_waiter_that_gave_up_before_the_writer_came_was_never_written(open_writer, tmp_path: Path) -> None:
    with open_writer(started=False) as built:
        gone = built.pipeline.submit("spool", [line(0)])
        kept = built.pipeline.submit("spool", [line(1)])
        assert gone.cancel()
        built.pipeline.start()
        assert kept.result(5).accepted == 1
        assert [e["event.id"] for e in entries(built, "access")] == ["e-1"]


class FailsToSync(Disk):
    """A disk whose syncs fail once told to."""

    failing = False

    def datasync(self, fd: int) -> None:
        if self.failing:
            raise OSError(5, "Input/output error")
        super().datasync(fd)


def test_after_a_failed_sync_nobody_is_told_yes_and_nothing_more_is_taken(
    open_writer, tmp_path: Path
) -> None:
    disk = FailsToSync()
    with open_writer(disk) as built:
        built.pipeline.submit("spool", [line(0)]).result(5)
        disk.failing = True
        with pytest.raises(LedgerError):
            built.pipeline.submit("spool", [line(1)]).result(5)
        assert built.pipeline.failed.wait(5)
        disk.failing = False
        with pytest.raises(LedgerError):
            built.pipeline.submit("spool", [line(2)])
        assert [e.address for b in built.batches for e in b.entries] == ["access/0"]
    with open_writer() as built:
        receipt = built.pipeline.submit("spool", [line(0), line(1), line(2)]).result(5)
        # The failed line may or may not be on the disk; either way it is there once now.
        assert receipt.accepted + receipt.duplicates == 3
        assert [e["event.id"] for e in entries(built, "access") if "sealtrail.head.trail" not in e] == [
            "e-0",
            "e-1",
            "e-2",
        ]
    assert verify(tmp_path / "data").verdict == "intact"


def test_many_producers_at_once_share_commits_and_none_is_lost(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        futures: list[Future[object]] = []

        def produce(name: str) -> None:
            futures.extend(built.pipeline.submit("spool", [line(seq, emitter=name)]) for seq in range(50))  # type: ignore[misc]

        threads = [threading.Thread(target=produce, args=(f"p{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for future in tuple(futures):
            future.result(10)
        requests = [e for e in entries(built, "access") if e["sealtrail.kind"] == "request"]
        assert len({e["event.id"] for e in requests}) == len(requests) == 400
        assert built.pipeline.counts["commits"] <= 400


# --- successors: what a restored folder appends to


def shut(trails: Trails) -> dict[str, int]:
    """Close what `open_trails` opened; the sizes it had."""
    for log in trails.logs.values():
        log.close()
    return {trail: log.size for trail, log in trails.logs.items()}


def first_of(root: Path, trail: str) -> Fields:
    return read(LedgerReader(root).read(trail, 0, 1)[0])


def test_successors_begin_with_what_they_go_on_from_and_are_signed_at_once(
    open_writer, tmp_path: Path
) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(seq) for seq in range(5)]).result(5)
    root = built.root
    trails = open_trails(root, succeed=True)
    before = dict(trails.before)
    assert shut(trails) == {"access-2": 1, "audit-2": 1}
    assert LedgerReader(root).sizes() == {**before, "access-2": 1, "audit-2": 1}
    for trail in ("access", "audit"):
        said = first_of(root, f"{trail}-2")
        assert said["event.action"] == SUCCESSOR
        assert (said["sealtrail.head.trail"], said["sealtrail.head.size"]) == (trail, before[trail])
        assert said["sealtrail.head.note"] == LedgerReader(root).checkpoint(trail).decode()
    report = verify(root, workers=1)
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0, 0, 0])
    assert {t.origin.rpartition("/")[2] for t in report.trails} == {"access", "access-2", "audit", "audit-2"}


def test_opening_again_goes_on_with_the_latest_generation(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        pass
    shut(open_trails(built.root, succeed=True))
    again = open_trails(built.root)
    assert shut(again) == {"access-2": 1, "audit-2": 1}
    assert set(shut(open_trails(built.root, succeed=True))) == {"access-3", "audit-3"}
    assert first_of(built.root, "audit-3")["sealtrail.head.trail"] == "audit-2"
    assert verify(built.root, workers=1).verdict == "intact"


@pytest.mark.parametrize("step", range(5))
def test_a_crash_while_successors_open_leaves_nothing_that_appends_to_the_old_trails(
    open_writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(0)]).result(5)
    before = LedgerReader(built.root).sizes()
    steps = iter(range(100))

    def dying(real):  # type: ignore[no-untyped-def]
        def act(self, *arguments: object) -> object:
            if next(steps) == step:
                raise SystemExit
            return real(self, *arguments)

        return act

    with monkeypatch.context() as patch:
        for name in ("append", "sync", "publish"):
            patch.setattr(Log, name, dying(getattr(Log, name)))
        with pytest.raises(SystemExit):
            open_trails(built.root, succeed=True)
    assert shut(open_trails(built.root)) == {"access-2": 1, "audit-2": 1}
    sizes = LedgerReader(built.root).sizes()
    assert {trail: sizes[trail] for trail in before} == before
    assert verify(built.root, workers=1).verdict == "intact"


def test_a_copy_whose_entries_are_not_the_signed_ones_gets_no_successor(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(seq) for seq in range(5)]).result(5)
    active = built.root / "trails" / "access" / "active-000000"
    active.write_bytes(active.read_bytes()[:-1])
    with pytest.raises(TamperedError):
        open_trails(built.root, succeed=True)


def test_exactly_once_and_one_order_hold_across_generations(open_writer, tmp_path: Path) -> None:
    with open_writer() as built:
        built.pipeline.submit("spool", [line(0), line(1)]).result(5)
    root = built.root
    late = datetime(2026, 1, 1, tzinfo=UTC)  # a clock that was set back: the order must not follow it
    trails = open_trails(root, succeed=True, clock=lambda: late)
    reader = LedgerReader(root)
    seen = Seen()
    seen.catch_up(reader)
    batches: list[Batch] = []
    pipeline = Pipeline(
        trails.logs,
        seen,
        Rejects(root / "state" / "rejects"),
        Settings(),
        publish=batches.append,
        free_space=lambda: "",
        seen_path=root / "state" / "seen",
        before=trails.before,
        clock=lambda: late,
    )
    pipeline.start()
    receipt = pipeline.submit("spool", [line(1), line(2)]).result(5)
    pipeline.stop()
    shut(trails)
    assert (receipt.accepted, receipt.duplicates) == (1, 1)
    assert [(r.trail, r.ranges) for r in receipt.receipts] == [("access-2", ((1, 2),))]
    assert pipeline.trail("audit") == "audit-2"
    assert batches[0].start == {**trails.before, "access-2": 1, "audit-2": 1}
    stamps = [read(e)["event.ingested"] for t in ("access", "access-2") for e in reader.read(t, 0, 99)]
    assert stamps == sorted(stamps)
    assert verify(root, workers=1).verdict == "intact"


# --- marks: where a copy may end


def test_a_mark_covers_what_was_queued_before_it_and_ends_at_a_checkpoint(
    open_writer, tmp_path: Path
) -> None:
    with open_writer() as built:
        futures = [built.pipeline.submit("spool", [line(seq)]) for seq in range(50)]
        position = built.pipeline.mark().result(5)
        assert all(future.done() for future in futures)
        assert position == {trail: log.published for trail, log in built.logs.items()}
        assert position == built.pipeline.heads()
        assert built.pipeline.mark().result(5) == position, "without news there is nothing to sign"
        built.pipeline.submit("spool", [line(50)]).result(5)
        assert built.pipeline.mark().result(5)["access"] > position["access"] + 1


def test_a_mark_is_refused_while_it_stops_and_fails_where_the_disk_does(open_writer, tmp_path: Path) -> None:
    class Refusing(Disk):
        broken = False

        def datasync(self, fd: int) -> None:
            if self.broken:
                raise OSError(5, "Input/output error")
            super().datasync(fd)

    disk = Refusing()
    with open_writer(disk) as built:
        built.pipeline.submit("spool", [line(0)]).result(5)
        disk.broken = True
        with pytest.raises(LedgerError):
            built.pipeline.mark().result(5)
        built.pipeline.failed.wait(5)
        with pytest.raises(LedgerError):
            built.pipeline.mark()
    with open_writer() as built:
        built.pipeline.stop()
        with pytest.raises(BusyError):
            built.pipeline.mark()
