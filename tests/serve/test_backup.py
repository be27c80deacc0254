"""A copy of a data folder: whole, consistent, verified, or not there at all."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from sealtrail.accounts.keys import Keys
from sealtrail.errors import LedgerError, NotFoundError, TamperedError, UsageError
from sealtrail.event import read
from sealtrail.ledger.files import Disk
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve import backup as backups
from sealtrail.serve.acting import operator
from sealtrail.serve.backup import backup
from sealtrail.serve.folder import Folder, WriterLock
from sealtrail.serve.manifest import MANIFEST, Manifest


def seqs(data: Path) -> list[int]:
    """Numbers of the producers' events in a folder."""
    found = [read(e) for e in LedgerReader(data).read("access", 0, 100_000)]
    return [f["sealtrail.seq"] for f in found if f["sealtrail.source"] != "collector"]


def test_a_backup_of_a_folder_at_rest_holds_all_of_it_and_verifies(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(20)])
    made = backup(tmp_path / "data", tmp_path / "copy")
    assert seqs(tmp_path / "copy") == list(range(20))
    report = verify(tmp_path / "copy", workers=1)
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0])
    assert made.manifest == Manifest.load(tmp_path / "copy")
    assert {t: r.size for t, r in made.manifest.trails.items()} == LedgerReader(tmp_path / "data").sizes()
    made.manifest.check(tmp_path / "copy")


def test_a_backup_under_load_holds_what_was_acknowledged_before_and_ends_at_a_checkpoint(
    collecting, line, tmp_path
):
    acknowledged: list[int] = []
    enough, stop = threading.Event(), threading.Event()
    with collecting() as collector:

        def produce(emitter: str) -> None:
            for seq in range(100_000):
                if stop.is_set():
                    return
                collector.submit("key:1", [line(seq, emitter)])
                acknowledged.append(seq)
                if len(acknowledged) > 200:
                    enough.set()

        threads = [threading.Thread(target=produce, args=(f"e{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        enough.wait()
        before = len(acknowledged)
        made = backup(tmp_path / "data", tmp_path / "copy")
        stop.set()
        for thread in threads:
            thread.join()
        actions = [read(e) for e in collector.ledger.read("audit", 0, 1000)]
    assert len(seqs(tmp_path / "copy")) >= before > 200
    report = verify(tmp_path / "copy", workers=1)
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0]), report.lines()
    told = next(fields for fields in actions if fields["event.action"] == "sealtrail.backup")
    assert told["user.id"] == operator()
    assert told["sealtrail.details"]["manifest"] == made.sha256
    assert verify(tmp_path / "data", workers=1).verdict == "intact"


def test_everything_in_a_backup_is_for_its_owner_alone(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
    Keys(tmp_path / "data" / "keys").new("viewer")
    backup(tmp_path / "data", tmp_path / "copy")
    for path in (tmp_path / "copy", *(tmp_path / "copy").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert {p.name for p in (tmp_path / "copy" / "keys").iterdir()} >= {"api-keys.json", "audit.key"}


def test_a_backup_without_keys_holds_public_ones_alone(collecting, tmp_path):
    with collecting():
        pass
    Keys(tmp_path / "data" / "keys").new("viewer")
    made = backup(tmp_path / "data", tmp_path / "copy", with_keys=False)
    assert {p.name for p in (tmp_path / "copy" / "keys").iterdir()} == {"access.vkey", "audit.vkey"}
    assert not made.manifest.keys
    secret = (tmp_path / "data" / "keys" / "audit.key").read_bytes()
    assert not any(secret in p.read_bytes() for p in (tmp_path / "copy").rglob("*") if p.is_file())


def test_what_belongs_to_a_running_server_or_this_machine_is_left_out(collecting, spool, tmp_path):
    spool.mkdir()
    with collecting(spools=[spool]):
        (tmp_path / "data" / "state" / "cursors").mkdir(exist_ok=True)
        (tmp_path / "data" / "state" / "cursors" / "spool-0-spool.json").write_text("{}")
        (tmp_path / "data" / "state" / "link").symlink_to(tmp_path)
        (tmp_path / "data" / "state" / "rejects" / "one").write_text("kept")
        backup(tmp_path / "data", tmp_path / "copy")
    state = tmp_path / "copy" / "state"
    assert not (state / "writer.lock").exists()
    assert not (state / "cursors" / "spool-0-spool.json").exists()
    assert not (state / "link").exists()
    assert not list(state.rglob("*.request"))
    assert (state / "rejects" / "one").read_text() == "kept"
    assert not (tmp_path / "copy" / "store").exists()


def test_nothing_is_overwritten_and_folders_in_one_another_are_refused(collecting, tmp_path):
    with collecting():
        pass
    (tmp_path / "there").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    data = tmp_path / "data"
    for target in ("there", "dangling", "data", "data/copy", "none/copy"):
        with pytest.raises(UsageError):
            backup(data, tmp_path / target)
    assert not list((tmp_path / "there").iterdir())
    with pytest.raises(NotFoundError):
        backup(tmp_path / "there", tmp_path / "copy")


def test_a_folder_that_was_tampered_with_gives_no_backup(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(5)])
    history = tmp_path / "data" / "trails" / "access" / "checkpoints"
    history.write_bytes(history.read_bytes().replace(b"=\n", b"A\n", 1))
    with pytest.raises(TamperedError):
        backup(tmp_path / "data", tmp_path / "copy")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_copy_begins_anew_when_a_volume_is_pruned_under_it(collecting, line, tmp_path, monkeypatch):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
    real, calls = backups.copy_trail, []

    def sometimes(*arguments, **named):
        calls.append(arguments)
        if len(calls) < 3:
            raise NotFoundError("not-found.entry", "pruned")
        return real(*arguments, **named)

    monkeypatch.setattr(backups, "copy_trail", sometimes)
    backup(tmp_path / "data", tmp_path / "copy")
    assert verify(tmp_path / "copy", workers=1).verdict == "intact"
    calls.clear()
    monkeypatch.setattr(backups, "ATTEMPTS", 2)
    with pytest.raises(NotFoundError):
        backup(tmp_path / "data", tmp_path / "again")


def test_without_a_server_nobody_writes_while_the_copy_is_taken(collecting, tmp_path, monkeypatch):
    with collecting():
        pass
    real = backups.copy_trail

    def locked(*arguments, **named):
        with pytest.raises(LedgerError, match="is the writer"), WriterLock(Folder(tmp_path / "data")):
            pass
        return real(*arguments, **named)

    monkeypatch.setattr(backups, "copy_trail", locked)
    backup(tmp_path / "data", tmp_path / "copy")


class Failing(Disk):
    """A disk that refuses its n-th call."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def _step(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(28, "No space left on device")

    def create(self, path, *, fresh=False):
        self._step()
        return super().create(path, fresh=fresh)

    def write(self, fd, data):
        self._step()
        return super().write(fd, data)

    def datasync(self, fd):
        self._step()
        super().datasync(fd)

    def rename(self, source, target):
        self._step()
        super().rename(source, target)

    def sync_folder(self, path):
        self._step()
        super().sync_folder(path)


def test_whichever_step_the_disk_refuses_there_is_a_whole_backup_or_none(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
    counting = Failing(-1)
    backup(tmp_path / "data", tmp_path / "whole", disk=counting)
    assert counting.calls > 40
    for at in range(1, counting.calls + 1):
        with pytest.raises(LedgerError) as refused:
            backup(tmp_path / "data", tmp_path / "copy", disk=Failing(at))
        assert refused.value.code == "ledger.io"
        last = at == counting.calls  # the sync of the folder it stands in: its name may not survive a crash
        assert (tmp_path / "copy").exists() == last
        assert not list(tmp_path.glob(".copy.*"))
    Manifest.load(tmp_path / "copy").check(tmp_path / "copy")
    assert (tmp_path / "copy" / MANIFEST).exists()
