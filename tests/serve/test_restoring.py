"""A backup becomes a folder that goes on, and never continues the trails it was made of."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.serve import restoring
from sealtrail.serve.backup import backup
from sealtrail.serve.folder import Folder
from sealtrail.serve.restoring import restore
from sealtrail.serve.signers import rotate
from sealtrail.serve.writing import Collector


@pytest.fixture
def copy(collecting, line, tmp_path) -> Path:
    with collecting("[ledger]\norigin = 'acme.example/api'\n") as collector:
        collector.submit("key:1", [line(seq) for seq in range(10)])
    backup(tmp_path / "data", tmp_path / "copy")
    return tmp_path / "copy"


def test_a_restored_folder_goes_on_in_successors_and_both_folders_stay_intact(copy, line, tmp_path):
    done = restore(copy, tmp_path / "restored")
    assert (done.successors, done.report.verdict) == (("access-2", "audit-2"), "intact")
    kept = [LedgerReader(copy).checkpoint(trail) for trail in ("access", "audit")]
    for name in ("data", "restored"):
        with Collector(Folder(tmp_path / name), guard=False) as collector:
            told = collector.submit("key:1", [line(9), line(10, message=name)])
            assert (told.accepted, told.duplicates) == (1, 1)
        report = verify(tmp_path / name, workers=1, checkpoints=kept)
        assert (report.verdict, report.anchored) == ("intact", name == "data"), report.lines()
    origins = {t.origin for t in verify(tmp_path / "restored", workers=1).trails}
    assert origins == {f"acme.example/api/{t}" for t in ("access", "access-2", "audit", "audit-2")}


def test_a_restored_folder_cannot_sign_for_the_trails_it_was_made_of(copy, tmp_path):
    restore(copy, tmp_path / "restored")
    names = {p.name for p in (tmp_path / "restored" / "keys").iterdir()}
    assert "audit.key" not in names
    assert {"audit.vkey", "audit-2.key", "audit-2.vkey"} <= names
    restore(copy, tmp_path / "second")
    keys = {(tmp_path / at / "keys" / "audit-2.vkey").read_text() for at in ("restored", "second")}
    assert len(keys) == 2


def test_trails_with_new_keys_are_copied_and_restored_and_lead_from_the_first_key(copy, line, tmp_path):
    data = tmp_path / "data"
    first = {trail: read_vkey(data / "keys" / f"{trail}.vkey") for trail in ("access", "audit")}
    with Collector(Folder(data), guard=False) as collector:
        rotate(data, [], "ann")
        collector.submit("key:1", [line(seq) for seq in range(10, 20)])
        backup(data, tmp_path / "second")
        rotate(data, [], "ann")
    done = restore(tmp_path / "second", tmp_path / "restored")
    assert done.report.verdict == "intact"
    keys = [*first.values(), *(read_vkey(tmp_path / "restored" / "keys" / f"{t}-2.vkey") for t in first)]
    report = verify(tmp_path / "restored", keys=keys, workers=1)
    assert report.verdict == "intact", report.lines()
    assert {trail.key_source for trail in report.trails} == {"given"}


def test_a_restore_is_an_event_and_everything_is_private(copy, tmp_path):
    restore(copy, tmp_path / "restored")
    events = [read(e) for e in LedgerReader(tmp_path / "restored").read("audit-2", 0, 100)]
    said = next(fields for fields in events if fields["event.action"] == "sealtrail.restore")
    assert "from the backup copy" in said["event.reason"]
    assert said["sealtrail.details"]["trails"] == LedgerReader(copy).sizes()
    for path in (tmp_path / "restored", *(tmp_path / "restored").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_restored_folder_can_be_backed_up_and_restored_again(copy, tmp_path, line):
    restore(copy, tmp_path / "restored")
    backup(tmp_path / "restored", tmp_path / "copy2")
    assert restore(tmp_path / "copy2", tmp_path / "third").successors == ("access-3", "audit-3")
    report = verify(tmp_path / "third", workers=1)
    assert report.verdict == "intact", report.lines()
    assert [t.follows for t in report.trails] == ["", "access", "access-2", "", "audit", "audit-2"]
    with Collector(Folder(tmp_path / "third"), guard=False) as collector:
        assert collector.submit("key:1", [line(0)]).duplicates == 1


def test_a_backup_without_keys_is_restored_with_new_ones(collecting, tmp_path):
    with collecting():
        pass
    backup(tmp_path / "data", tmp_path / "copy", with_keys=False)
    restore(tmp_path / "copy", tmp_path / "restored")
    assert verify(tmp_path / "restored", workers=1).verdict == "intact"


def test_a_backup_that_rotted_is_refused_and_nothing_is_left(copy, tmp_path):
    before = {p.name for p in tmp_path.iterdir()}
    active = copy / "trails" / "access" / "active-000000"
    data = bytearray(active.read_bytes())
    data[100] ^= 1
    active.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        restore(copy, tmp_path / "restored")
    assert refused.value.code == "usage.backup"
    assert {p.name for p in tmp_path.iterdir()} == before


def test_a_backup_that_was_rewritten_manifest_and_all_is_refused(copy, tmp_path, monkeypatch):
    history = copy / "trails" / "audit" / "checkpoints"
    history.write_bytes(history.read_bytes()[:-20])
    monkeypatch.setattr(restoring.Manifest, "check", lambda *_: None)
    with pytest.raises(TamperedError, match="does not verify"):
        restore(copy, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_backup_is_held_against_checkpoints_kept_elsewhere(copy, collecting, line, tmp_path):
    with collecting("[ledger]\norigin = 'acme.example/api'\n") as collector:
        collector.submit("key:1", [line(99)])
    kept = tmp_path / "kept"
    kept.write_bytes(LedgerReader(tmp_path / "data").checkpoint("access"))
    with pytest.raises(TamperedError, match="cut off"):
        restore(copy, tmp_path / "restored", checkpoints=[kept])
    shutil.copy(copy / "trails" / "access" / "checkpoint", kept)
    done = restore(copy, tmp_path / "restored", checkpoints=[kept])
    assert done.report.trails[0].anchored_to > 0


def test_a_folder_that_is_there_is_not_touched(copy, tmp_path):
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "there", tmp_path / "data", copy, copy / "in"):
        with pytest.raises(UsageError):
            restore(copy, target)
    assert verify(tmp_path / "data", workers=1).verdict == "intact"
    with pytest.raises(UsageError, match="not a whole backup"):
        restore(tmp_path / "data", tmp_path / "restored")


@pytest.mark.parametrize("part", ["open_trails", "_record", "sync_folders"])
def test_a_restore_that_fails_on_the_way_leaves_nothing(copy, tmp_path, monkeypatch, part):
    def fail(*_: object, **__: object) -> None:
        raise LedgerError("ledger.io", "the disk is gone")

    before = {p.name for p in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(restoring, part, fail)
        with pytest.raises(LedgerError):
            restore(copy, tmp_path / "restored")
    assert {p.name for p in tmp_path.iterdir()} == before
    restore(copy, tmp_path / "restored")
    assert verify(tmp_path / "restored", workers=1).verdict == "intact"
