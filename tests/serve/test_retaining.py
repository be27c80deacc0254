from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sealtrail.event import read
from sealtrail.follow.state import save_json
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve import housekeeping as room
from sealtrail.serve import retaining
from sealtrail.serve.folder import Folder
from sealtrail.serve.retaining import document, left_positions, plan, run

VOLUME = 256
NOW = datetime.now(UTC)
FUTURE = NOW + timedelta(days=401)
QUICK = "[ledger]\ncheckpoint-seconds = 0.02\n"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch):
    monkeypatch.setattr(room, "EVERY_SECONDS", 3600.0)


@pytest.fixture
def filled(collecting, line, until, tmp_path):
    """Three volumes of requests, two of them sealed and full, seen by the index."""
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        for at in range(0, 700, 100):
            collector.submit("key:1", [line(seq) for seq in range(at, at + 100)])
        until(lambda: collector.pipeline.published("access") >= 700)
        collector.pipeline.seal_pending()
        collector.settle()
        collector.store.flush()
    return tmp_path / "data"


def access(planned):
    return next(one for one in planned if one.trail == "access")


def prunes(data):
    entries = LedgerReader(data, volume_entries=VOLUME).read("audit", 0, 10_000)
    return [e for e in map(read, entries) if e["event.action"] == "sealtrail.prune"]


def test_a_plan_says_what_would_go_and_changes_nothing(filled):
    before = {path: path.read_bytes() for path in filled.rglob("*") if path.is_file()}
    one = access(plan(filled, FUTURE, volume_entries=VOLUME))
    assert (one.first, one.end, one.entries, one.volumes, one.days) == (0, 512, 512, 2, 400)
    sizes = [path.stat().st_size for path in (filled / "trails" / "access").glob("*.zst")]
    assert one.bytes == sum(sizes) > 0
    assert (
        NOW - timedelta(minutes=5) < datetime.fromisoformat(one.oldest) <= datetime.fromisoformat(one.newest)
    )
    assert document(one)["entries"] == 512
    assert {path: path.read_bytes() for path in filled.rglob("*") if path.is_file()} == before


def test_nothing_that_is_younger_than_the_retention_is_planned(filled):
    for days in (0, 399):
        for one in plan(filled, NOW + timedelta(days=days), volume_entries=VOLUME):
            assert (one.end, one.volumes, one.bytes, one.oldest, one.held) == (0, 0, 0, "", "")


@pytest.mark.parametrize("state", ["cursors/detect.json", "response.json", "alerts.json"])
def test_what_a_follower_that_does_not_run_has_not_seen_stays(filled, state):
    at = {"access": 300, "audit": 1}
    save_json(filled / "state" / state, at if "detect" in state else {"position": at})
    assert left_positions(Folder(filled)) == [at]
    one = access(plan(filled, FUTURE, volume_entries=VOLUME))
    assert (one.end, one.volumes) == (256, 1)
    assert "a follower has come to 300 of" in one.held
    done, gone = run(filled, "rita", now=FUTURE, volume_entries=VOLUME)
    assert ([(d.trail, d.end) for d in done], gone) == ([("access", 256)], True)


def test_a_state_that_cannot_be_read_holds_everything(filled):
    save_json(filled / "state" / "response.json", {"position": "?"})
    assert access(plan(filled, FUTURE, volume_entries=VOLUME)).end == 0


def test_without_a_server_it_goes_at_once_and_the_record_stays_intact(filled):
    done, gone = run(filled, "rita", now=FUTURE, volume_entries=VOLUME)
    assert gone
    assert [(one.trail, one.first, one.end) for one in done] == [("access", 0, 512)]
    assert list((filled / "trails" / "access").glob("*.zst")) == []
    (event,) = prunes(filled)
    assert event["user.id"] == "rita"
    assert event["sealtrail.details"]["volumes"] == 2
    report = verify(filled, workers=1, volume_entries=VOLUME)
    assert report.verdict == "intact", report.lines()
    assert run(filled, "rita", now=FUTURE, volume_entries=VOLUME) == ([], True)


def test_a_running_server_does_it_when_it_is_asked(filled, collecting, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return FUTURE

    from sealtrail.serve import writing

    with collecting(QUICK, volume_entries=VOLUME) as collector:
        assert collector.settle()
        monkeypatch.setattr(writing, "datetime", Later)
        stop = threading.Event()

        def rounds():
            while not stop.wait(0.01):
                collector.housekeeping.drop_announced()

        thread = threading.Thread(target=rounds)
        thread.start()
        try:
            done, gone = run(filled, "rita", volume_entries=VOLUME)
        finally:
            stop.set()
            thread.join()
    assert gone
    assert [(one.trail, one.end) for one in done] == [("access", 512)]
    assert [event["user.id"] for event in prunes(filled)] == ["rita"]


def test_when_the_event_is_not_signed_in_time_it_says_so(filled, collecting, monkeypatch):
    monkeypatch.setattr(retaining, "PATIENCE_SECONDS", 0.0)
    done, gone = run(filled, "rita", now=FUTURE, volume_entries=VOLUME)
    assert ([one.trail for one in done], gone) == (["access"], False)


def test_two_who_ask_at_once_announce_once(filled, collecting):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        assert collector.settle()
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(collector.housekeeping.retain(FUTURE, "rita")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(len(one) for one in found) == [0, 0, 0, 1]
    assert len(prunes(filled)) == 1


def test_entries_that_went_are_not_served_from_memory(filled, collecting, until):
    from sealtrail.errors import NotFoundError

    with collecting(QUICK, volume_entries=VOLUME) as collector:
        assert collector.settle()
        # On a busy machine the collector itself may have had something to say before.
        known = [collector.reading.entry("access", index).fields.get("event.id") for index in range(17, 24)]
        assert "e-17" in known
        collector.housekeeping.retain(FUTURE)
        until(lambda: collector.housekeeping.drop_announced() == 0)
        with pytest.raises(NotFoundError, match="pruned"):
            collector.reading.entry("access", 17)
