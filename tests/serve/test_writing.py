from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.collect import spools
from sealtrail.collect.inbox import ask
from sealtrail.collect.pipeline import open_trails
from sealtrail.errors import BusyError, LedgerError, UsageError
from sealtrail.event import read
from sealtrail.follow.state import save, save_json
from sealtrail.ledger.verify import verify
from sealtrail.serve import writing
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


def actions(data: Path) -> list[str]:
    with Collector(Folder(data), guard=False) as collector:
        return [read(e)["event.action"] for e in collector.ledger.read("audit", 0, 1000)]


def test_stopping_signs_everything_and_records_start_and_stop(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(10)])
    report = verify(tmp_path / "data", workers=1)
    assert (report.verdict, [trail.uncommitted for trail in report.trails]) == ("intact", [0, 0])
    said = actions(tmp_path / "data")
    assert [one for one in said if one != "sealtrail.head"] == [
        "sealtrail.started",
        "sealtrail.stopped",
        "sealtrail.started",
    ]
    assert said[2] == "sealtrail.head"  # under the checkpoint of the stop, after the stop itself


def test_a_restart_goes_on_where_the_last_run_ended(collecting, line, tmp_path):
    with collecting() as collector:
        first = collector.submit("key:1", [line(0), line(1)])
        collector.settle()
        assert collector.reading.count("sealtrail.kind:request") == 2
    with collecting() as collector:
        assert collector.submit("key:1", [line(1)]).duplicates == 1
        more = collector.submit("key:1", [line(2)])
        assert collector.settle()
        found = collector.reading.search("sealtrail.kind:request")
        assert [row.fields["event.id"] for row in found] == ["e-2", "e-1", "e-0"]
    assert more.receipts[0].ranges[0][0] >= first.receipts[0].ranges[0][1]
    assert verify(tmp_path / "data", workers=1).verdict == "intact"


def test_a_second_collector_is_refused_and_the_first_goes_on(collecting, line):
    with collecting() as collector:
        with pytest.raises(LedgerError) as refused, collecting():
            pass
        assert refused.value.code == "ledger.locked"
        assert collector.submit("key:1", [line(0)]).accepted == 1


def test_a_spool_waits_for_room_on_the_disk_and_goes_on(collecting, line, tmp_path, monkeypatch, until):
    monkeypatch.setattr(spools, "TROUBLE_SECONDS", 0.02)
    full = [""]
    monkeypatch.setattr(writing, "free_space", lambda *_: full[0])
    spool = tmp_path / "spool"
    spool.mkdir()
    with collecting(spools=[spool]) as collector:
        full[0] = "only 1 MiB are free"
        # Whole at once: the follower may delete an empty one that nobody locks.
        save(spool / "e.000000.ndjson", line(0)[0] + b"\n")
        until(lambda: collector.health()["spools"][str(spool)]["problem"])
        with pytest.raises(BusyError) as refused:
            collector.submit("key:1", [line(1)])
        assert refused.value.code == "busy.disk"
        assert (collector.health()["ready"], collector.health()["why"]) == (False, full[0])
        assert (spool / "e.000000.ndjson").exists()
        full[0] = ""
        until(lambda: not list(spool.glob("*.ndjson")))
        assert collector.submit("key:1", [line(1)]).accepted == 1
        assert collector.health()["spools"][str(spool)]["problem"] == ""
        assert collector.health()["spools"][str(spool)]["lines"] == 1


def test_on_a_nearly_full_disk_it_starts_and_answers_and_takes_nothing(collecting, line):
    """Else nobody could search, and old volumes could not go to make room."""
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
    with collecting(f"[disk]\nfree-bytes = {1 << 62}\n") as collector:
        with pytest.raises(BusyError):
            collector.submit("key:1", [line(1)])
        collector.settle()
        assert collector.reading.count("sealtrail.kind:request") == 1
        assert not collector.health()["ready"]


def test_a_follower_that_lags_at_the_stop_goes_on_from_there_at_the_next_start(collecting, line, monkeypatch):
    def stuck(_: object) -> None:
        raise RuntimeError("stuck")

    stop = writing.Hub.stop
    with monkeypatch.context() as short:
        short.setattr(writing, "DRAIN_SECONDS", 0.05)
        short.setattr(writing.Hub, "stop", lambda hub: stop(hub, drain=0.05))
        with collecting() as collector:
            collector.submit("key:1", [line(0)])
            assert collector.settle()
            short.setattr(collector.store, "handle", stuck)
            # The trouble of an index holds up nobody's receipt.
            assert collector.submit("key:1", [line(seq) for seq in range(1, 5)]).accepted == 4
            assert not collector.settle(0.05)
            assert collector.health()["lag"]["store"] == 4
            assert "stuck" in collector.health()["failing"]["store"]
    with collecting() as collector:
        assert collector.settle()
        assert collector.reading.count("sealtrail.kind:request") == 5


def test_an_act_that_a_crash_repeats_is_recorded_once(collecting, tmp_path):
    request = tmp_path / "data" / "state" / "inbox" / "0123abcd.request"
    act = {"act": "record", "fields": {"event.action": "sealtrail.export", "user.id": "root"}}
    for _ in range(2):
        with collecting() as collector:
            save_json(request, act)
            ask(collector.folder.inbox, {"act": "submit", "source": "import", "lines": []})
    assert actions(tmp_path / "data").count("sealtrail.export") == 1


def test_what_the_server_cannot_do_is_refused_with_a_reason(collecting):
    with collecting() as collector:
        for act in ({"act": "fly"}, {"act": "block"}):
            with pytest.raises(UsageError):
                collector._carry_out(act)


def test_a_start_that_fails_lets_go_of_everything(collecting, line, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(writing, "Reading", broken)
        with pytest.raises(OSError, match="No space"), collecting():
            pass
    with collecting() as collector:
        assert collector.submit("key:1", [line(0)]).accepted == 1


def test_health_counts_what_the_quarantine_could_not_keep(tmp_path, monkeypatch):
    def refuse(*_):
        raise BusyError("busy.disk", "the quarantine's disk is full")

    with Collector(Folder(tmp_path / "data"), guard=False) as collector:
        monkeypatch.setattr(collector.rejects, "add", refuse)
        collector.rejects.conflict("key:1", "e", 0, b"{}")
        assert collector.health()["counts"]["unkept"] == 1


def test_a_folder_with_successors_is_read_searched_and_proved_as_one(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(3)])
    root = tmp_path / "data"
    for log in open_trails(root, succeed=True).logs.values():
        log.close()
    with collecting() as collector:
        receipt = collector.submit("key:1", [line(2), line(3)])
        assert (receipt.accepted, receipt.duplicates, receipt.receipts[0].trail) == (1, 1, "access-2")
        assert collector.settle()
        assert set(collector.hub.lags().values()) == {0}
        reading = collector.reading
        found = reading.search("sealtrail.trail:access sealtrail.kind:request")
        assert [row.trail for row in found] == ["access-2", "access", "access", "access"]
        assert reading.count("sealtrail.trail:access-2 and sealtrail.kind:request") == 1
        rows, _ = reading.after({}, "sealtrail.trail:access and sealtrail.kind:request")
        assert [row.fields["sealtrail.seq"] for row in rows] == [0, 1, 2, 3]
        assert len(reading.search("event.action:sealtrail.successor")) == 2
        assert set(collector.health()["trails"]) == {"access", "access-2", "audit", "audit-2"}
    report = verify(root, workers=1)
    assert (report.verdict, [t.followed_by for t in report.trails]) == (
        "intact",
        ["access-2", "", "audit-2", ""],
    )


def test_health_names_what_wants_a_look_while_events_are_accepted(collecting, line, spool, monkeypatch):
    spool.mkdir()
    with collecting(spools=[spool], guard=True) as collector:
        collector.submit("key:1", [line(0)])
        assert collector.settle()
        assert collector.health()["troubles"] == []
        monkeypatch.setattr(collector.hub, "failures", lambda: {"store": "OSError: no"})
        collector.rejects.unkept = 2
        told = collector.health()
        assert told["ready"]
        assert told["troubles"] == ["follower store: OSError: no", "2 refused lines could only be counted"]
        assert set(told["signed"]) == {"access", "audit"}
        assert told["queue_bytes"] == 0
