"""What a hold is on outlives retention, and only for as long as the hold does."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from sealtrail.errors import LedgerError, NotFoundError
from sealtrail.event import read
from sealtrail.ledger import held
from sealtrail.ledger.files import Disk
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.serve import housekeeping as room
from sealtrail.serve import sparing
from sealtrail.serve.folder import Folder
from sealtrail.serve.holding import Wanted
from sealtrail.serve.holds import Register
from sealtrail.serve.writing import Collector

VOLUME = 256
NOW = datetime.now(UTC)
FUTURE = NOW + timedelta(days=401)
FAR = NOW + timedelta(days=2201)  # audit events are too old then as well
QUICK = "[ledger]\ncheckpoint-seconds = 0.02\n"
MATTER = Wanted("case-17", "Alice v. Shop", query="url.path:/things/3 and sealtrail.kind:request")


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch):
    monkeypatch.setattr(room, "EVERY_SECONDS", 3600.0)


@pytest.fixture(scope="module")
def base(line, until, tmp_path_factory):
    """Two sealed volumes of requests, of which one in seven is on /things/3."""
    data = tmp_path_factory.mktemp("base") / "data"
    data.mkdir()
    (data / "settings.toml").write_text(QUICK)
    with Collector(Folder(data), guard=False, volume_entries=VOLUME) as collector:
        for at in range(0, 600, 100):
            collector.submit("key:1", [line(seq) for seq in range(at, at + 100)])
        until(lambda: collector.pipeline.published("access") >= 600)
        collector.pipeline.seal_pending()
        collector.settle()
    return data


@pytest.fixture
def filled(base, tmp_path):
    return shutil.copytree(base, tmp_path / "data")


def pruned(collector, until, now=FUTURE):
    done = collector.housekeeping.retain(now, "rita")
    until(lambda: collector.housekeeping.drop_announced() == 0)
    return {one.trail: one for one in done}


def check(data):
    report = verify(data, workers=1, volume_entries=VOLUME)
    return report.verdict, report


def events(data, action):
    ledger = LedgerReader(data, volume_entries=VOLUME)
    first, size = ledger.first()["audit"], ledger.sizes()["audit"]
    found = [read(entry) for entry in ledger.read("audit", first, size - first)]
    return [event for event in found if event["event.action"] == action]


def copies(data):
    return sorted(int(path.stem) for path in (data / "holds").rglob("*.json"))


def held_of(data):
    """The requests on /things/3 below 512, by what the ledger has."""
    entries = LedgerReader(data, volume_entries=VOLUME).read("access", 0, 512)
    return [at for at, entry in enumerate(entries) if read(entry).get("url.path") == "/things/3"]


def test_what_a_hold_is_on_is_copied_with_its_proof_before_it_goes(filled, collecting, until):
    wanted = held_of(filled)
    assert len(wanted) > 60
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        collector.holding.place(Wanted("other", "nothing is on it", query="user.id:nobody"), "rita")
        planned = next(one for one in collector.housekeeping.plan(FUTURE) if one.trail == "access")
        assert (planned.copies, planned.holds) == (len(wanted), {"case-17": len(wanted), "other": 0})
        assert copies(filled) == []
        assert pruned(collector, until)["access"].end == 512
        with pytest.raises(NotFoundError):
            collector.reading.entry("access", wanted[0])
    assert copies(filled) == wanted
    one = next((filled / "holds").rglob("*.json"))
    assert one.stat().st_mode & 0o777 == 0o600
    assert one.parent.stat().st_mode & 0o777 == 0o700
    (event,) = events(filled, "sealtrail.prune")
    assert event["sealtrail.details"]["holds"] == {"case-17": len(wanted), "other": 0}
    # Each copy is a proof of its own, for whoever has the public key.
    proof = verify(
        one.with_suffix(".tlog-proof"),
        entry=one.read_bytes(),
        keys=[read_vkey(filled / "keys" / "access.vkey")],
    )
    assert (proof.verdict, proof.trails[0].proved) == ("intact", int(one.stem))
    verdict, report = check(filled)
    assert verdict == "intact", report.lines()
    assert any(f"{len(wanted)} pruned entries under legal hold" in note for note in report.trails[0].notes)


def test_a_copy_that_is_taken_away_or_changed_shows(filled, collecting, until):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        pruned(collector, until)
    one, two = sorted((filled / "holds").rglob("*.json"))[:2]
    proof, other = one.with_suffix(".tlog-proof"), two.with_suffix(".tlog-proof")
    whole = {path: path.read_bytes() for path in (one, proof)}
    for path, harmed, why in (
        (one, None, "its copy is missing"),
        (proof, None, "its copy is missing"),
        (one, whole[one].replace(b"/things/3", b"/things/4"), "not proved"),
        (proof, other.read_bytes(), f"that of entry {two.stem}"),
        (proof, b"\xff", "cannot be read"),
        (proof, whole[proof].replace(b"\n\xe2\x80\x94 ", b"\n\xe2\x80\x94 x"), "not proved"),
    ):
        path.unlink() if harmed is None else path.write_bytes(harmed)
        verdict, report = check(filled)
        assert verdict == "tampered"
        (problem,) = report.trails[0].problems
        assert problem.place == str(one.relative_to(filled))
        assert problem.what.startswith(f"a hold is on access/{one.stem}: ")
        assert why in problem.what
        path.write_bytes(whole[path])
    assert check(filled)[0] == "intact"


def test_a_volume_that_is_mostly_held_stays_and_says_why(filled, collecting, until, monkeypatch):
    monkeypatch.setattr(sparing, "MAX_COPIES", 20)
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        (planned,) = [one for one in collector.housekeeping.plan(FUTURE) if one.trail == "access"]
        assert planned.end == 0
        assert planned.held.startswith("a legal hold (case-17) is on ")
        assert pruned(collector, until) == {}
        collector.holding.release("case-17", "settled", "rita")
        assert pruned(collector, until)["access"].end == 512


def test_one_event_names_no_more_ranges_than_it_has_room_for(filled, collecting, until, monkeypatch):
    monkeypatch.setattr(sparing, "MAX_RANGES", 50)
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        assert pruned(collector, until)["access"].end == 256
        assert pruned(collector, until)["access"].end == 512
    assert check(filled)[0] == "intact"


def test_a_hold_that_comes_between_announcement_and_removal_is_in_time(filled, collecting, until):
    wanted = held_of(filled)
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        assert [one.end for one in collector.housekeeping.retain(FUTURE)] == [512]
        collector.holding.place(MATTER, "rita")
        until(lambda: collector.housekeeping.drop_announced() == 0)
        assert collector.ledger.first()["access"] == 0
        assert pruned(collector, until)["access"].copies == len(wanted)
    assert copies(filled) == wanted
    assert check(filled)[0] == "intact"


def test_copies_that_were_lost_before_the_removal_stop_it(filled, collecting, until):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        collector.housekeeping.retain(FUTURE)
        next((filled / "holds").rglob("*.json")).unlink()
        until(lambda: collector.housekeeping.drop_announced() == 0)
        assert collector.ledger.first()["access"] == 0
        pruned(collector, until)
        assert collector.ledger.first()["access"] == 512
    assert check(filled)[0] == "intact"


def test_copies_go_by_a_recorded_act_when_the_last_hold_on_them_is_released(filled, collecting, until):
    wanted = held_of(filled)
    both = Wanted("case-18", "the first day", query=f"sealtrail.index<{wanted[10]}", trail="access")
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        pruned(collector, until)
        # Placed after the entries went: it is on the copies of them.
        collector.holding.place(both, "rita")
        collector.holding.release("case-17", "settled", "rita")
        pruned(collector, until)
        assert copies(filled) == wanted[:10]
        (event,) = events(filled, "sealtrail.disposal")
        assert event["user.id"] == "rita"
        assert check(filled)[0] == "intact"
        collector.holding.release("case-18", "settled as well", "rita")
        pruned(collector, until)
    assert copies(filled) == []
    assert check(filled)[0] == "intact"


def test_a_disposal_that_a_crash_interrupted_is_finished(filled, collecting, until):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        pruned(collector, until)
        collector.holding.release("case-17", "settled", "rita")
        collector.housekeeping.retain(FUTURE)
    assert copies(filled)
    assert check(filled)[0] == "intact"
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.housekeeping.once()
    assert copies(filled) == []


def test_what_the_audit_trail_says_of_holds_and_prunes_outlives_its_own_retention(
    filled, collecting, line, until
):
    """The entries that explain what is gone, and what must not go, would go themselves one day."""
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        placed = collector.holding.place(MATTER, "rita")
        pruned(collector, until)
        for at in range(3):
            collector.submit(
                "key:1",
                [line(seq, f"a{at}", **{"sealtrail.kind": "audit"}) for seq in range(VOLUME)],
            )
        until(lambda: collector.pipeline.published("audit") >= 3 * VOLUME)
        collector.pipeline.seal_pending()
        collector.settle()
        pruned(collector, until, FAR)
        first = collector.ledger.first()["audit"]
        assert first > int(placed.address.partition("/")[2])
    verdict, report = check(filled)
    assert verdict == "intact", report.lines()
    assert any("under legal hold" in note for note in report.trails[0].notes)
    register = Register(LedgerReader(filled, volume_entries=VOLUME))
    register.catch_up()
    assert register.open == {"case-17": placed}
    assert sorted(register.copies["access"]) == copies(filled)
    # And it can be released as ever.
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.release("case-17", "settled", "rita")
        pruned(collector, until, FAR)
    assert copies(filled) == []
    assert check(filled)[0] == "intact"


def test_no_hold_is_lifted_by_what_happens_to_files_beside_the_ledger(filled, collecting, until):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
    for path in (filled / "state").rglob("*"):
        if path.is_file():
            path.unlink()
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        assert pruned(collector, until)["access"].copies


def test_nothing_is_removed_while_the_holds_cannot_be_read(filled, collecting, monkeypatch):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()

        def unreadable(*_: object) -> None:
            raise LedgerError("ledger.io", "x")

        monkeypatch.setattr(Register, "catch_up", unreadable)
        with pytest.raises(LedgerError):
            collector.housekeeping.retain(FUTURE)
        assert collector.housekeeping._announced == {}


def test_a_disk_that_refuses_while_copies_are_made_prunes_nothing(filled, collecting, until, monkeypatch):
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        collector.holding.place(MATTER, "rita")
        for step in ("create", "write", "datasync", "mkdir", "sync_folder"):
            with monkeypatch.context() as full:

                def refuses(*_: object, **__: object) -> None:
                    raise OSError(28, "No space left on device")

                full.setattr(held, "Disk", lambda step=step, refuses=refuses: _failing(step, refuses))
                with pytest.raises(LedgerError, match="No space"):
                    collector.housekeeping.retain(FUTURE)
            assert collector.housekeeping._announced == {}
        assert events(filled, "sealtrail.prune") == []
        assert pruned(collector, until)["access"].end == 512
    assert check(filled)[0] == "intact"


def _failing(step, refuses):
    disk = Disk()
    setattr(disk, step, refuses)
    return disk
