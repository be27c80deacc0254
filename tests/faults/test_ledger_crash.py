"""A crash at every call to the disk: fail-and-not-persist, fail-but-persist, short writes, a full disk.

After each, the trail is opened again and held against what a producer was told: everything that was synced is
there, once, in order, nothing else but what was appended, and the whole verifies.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.files import Disk
from sealtrail.ledger.log import Log
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.rotation import prepare, settle
from sealtrail.ledger.sign import open_key, read_vkey
from sealtrail.ledger.verify import verify

ENTRIES = 256


class Power(BaseException):
    """The process is gone. Not an Exception: nothing in the code may handle it."""


class Unsynced(Disk):
    """Skips the syncs: no power fails here but the one that `Crashing` plays."""

    def datasync(self, fd: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class Crashing(Unsynced):
    """Counts calls and dies at one of them, before or after it took effect.

    It also knows what a power failure takes: bytes that were not synced, and names that were not. A write at
    which it dies has written `share` of its bytes.
    """

    def __init__(self, at: int = -1, *, after: bool = False, error: int = 0, share: float = 0.5) -> None:
        self.calls = 0
        self.names: list[str] = []  # of the calls, in order
        self._share = share
        self._cut: dict[Path, bytes] = {}  # what truncating took, until that is synced
        self._at, self._after, self._error = at, after, error
        self._paths: dict[int, Path] = {}
        self._synced: dict[Path, int] = {}
        self._undo: list[tuple[Path, bytes | None]] = []

    def _step(self) -> bool:
        """Count a call. True when it is the one after which to die."""
        self.calls += 1
        self.names.append(sys._getframe(1).f_code.co_name)
        if self.calls - 1 != self._at:
            return False
        if not self._after:
            self._die()
        return True

    def _die(self) -> None:
        if self._error:
            raise OSError(self._error, os.strerror(self._error))
        raise Power

    def create(self, path: Path, *, fresh: bool = False) -> int:
        last = self._step()
        if not path.exists():
            self._undo.append((path, None))
            self._synced[path] = 0
        elif fresh:
            self._synced[path] = 0
        else:
            self._synced.setdefault(path, path.stat().st_size)
        fd = super().create(path, fresh=fresh)
        self._paths[fd] = path
        if last:
            super().close(fd)
            self._die()
        return fd

    def write(self, fd: int, data: memoryview) -> int:
        if self._step():
            super().write(fd, data[: int(len(data) * self._share)])
            self._die()
        return super().write(fd, data)

    def datasync(self, fd: int) -> None:
        last = self._step()
        super().datasync(fd)
        self._synced[self._paths[fd]] = os.fstat(fd).st_size
        self._cut.pop(self._paths[fd], None)
        if last:
            self._die()

    def truncate(self, fd: int, size: int) -> None:
        last = self._step()
        self._cut.setdefault(self._paths[fd], self._paths[fd].read_bytes())
        super().truncate(fd, size)
        if last:
            self._die()

    def rename(self, source: Path, target: Path) -> None:
        last = self._step()
        if source.is_dir():
            super().rename(source, target)
        else:
            # Without the rename, both are as they were.
            self._undo.append((source, source.read_bytes()))
            self._undo.append((target, target.read_bytes() if target.exists() else None))
            self._synced[target] = self._synced.pop(source, source.stat().st_size)
            super().rename(source, target)
        if last:
            self._die()

    def unlink(self, path: Path) -> None:
        last = self._step()
        if path.exists():
            self._undo.append((path, path.read_bytes()))
        super().unlink(path)
        if last:
            self._die()

    def mkdir(self, path: Path) -> None:
        last = self._step()
        super().mkdir(path)
        if last:
            self._die()

    def sync_folder(self, path: Path) -> None:
        last = self._step()
        super().sync_folder(path)
        self._undo = [(name, old) for name, old in self._undo if name.parent != path]
        if last:
            self._die()

    def not_yet_synced(self, path: Path) -> None:
        """Everything in this file is in memory only."""
        self._synced[path] = 0

    def power_failure(self, spared: int = 0) -> None:
        """Take away what was not synced: first names, newest first, then the ends of files.

        `spared` of the newest names are on the disk all the same: nothing says that names become durable in
        the order in which they were made.
        """
        for path, old in reversed(self._undo[: len(self._undo) - spared]):
            if not path.parent.is_dir():
                continue
            if old is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(old)
                path.chmod(0o600)
        for path, whole in self._cut.items():
            path.write_bytes(whole)
        for path, size in self._synced.items():
            if path.is_file() and path.stat().st_size > size and path not in dict(self._undo):
                os.truncate(path, size)


def entry(number: int) -> bytes:
    moment = f"2026-11-24T08:00:00.{number:06d}Z"
    return f'{{"n":{number},"event.ingested":"{moment}","sealtrail.source":"s"}}'.encode()


def work(data: Path, disk: Disk, told: list[int]) -> None:
    """Two lives of a writer. `told` grows as entries are acknowledged."""
    key = open_key(data / "keys", "audit", disk=Unsynced())
    for life, commits in enumerate(((3, 140, 120), (260, 5))):
        log = Log.open(data / "trails" / "audit", "audit", key, disk, volume_entries=ENTRIES)
        try:
            for commit in commits:
                first = log.size
                log.append([entry(n) for n in range(first, first + commit)])
                log.sync()
                told[0] = log.size
                if commit != 140 or life:
                    log.publish()
                log.seal_pending()
        finally:
            log.close()


def judge(data: Path, told: int, where: str) -> None:
    """Open again, and hold the trail against what was told."""
    folder = data / "trails" / "audit"
    key = open_key(data / "keys", "audit", disk=Unsynced())
    log = Log.open(folder, "audit", key, Unsynced(), volume_entries=ENTRIES)
    try:
        size = log.size
        assert size >= told, where
        reader = LedgerReader(data, volume_entries=ENTRIES)
        assert reader.read("audit", 0, 10_000) == [entry(n) for n in range(size)], where
        reader.close()
        if size:
            assert log.last_ingested() == f"2026-11-24T08:00:00.{size - 1:06d}Z", where
        assert verify(data, workers=1, volume_entries=ENTRIES).verdict == "intact", where
        log.append([entry(n) for n in range(size, size + 20)])
        log.sync()
        log.publish()
        log.seal_pending()
    finally:
        log.close()
    report = verify(data, workers=1, volume_entries=ENTRIES)
    assert (report.verdict, report.trails[0].size) == ("intact", size + 20), where


def calls_of_a_whole_run(data: Path) -> int:
    disk = Crashing()
    data.mkdir()
    work(data, disk, [0])
    return disk.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("spared", [None, 0, 1], ids=["killed", "power-failure", "names-out-of-order"])
def test_a_crash_at_any_call_loses_nothing_that_was_acknowledged(tmp_path, after, spared):
    total = calls_of_a_whole_run(tmp_path / "whole")
    assert total > 50
    for at in range(total):
        data, told = tmp_path / f"at-{at}", [0]
        data.mkdir()
        disk = Crashing(at, after=after)
        with pytest.raises(Power):
            work(data, disk, told)
        if spared is not None:
            disk.power_failure(spared)
        judge(data, told[0], f"call {at} of {total}")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
@pytest.mark.parametrize("after", [False, True], ids=["and-not-persist", "but-persist"])
def test_a_call_that_fails_stops_the_writer_and_the_next_start_recovers(tmp_path, error, after):
    """With every other call the power goes as well: what it left in memory is not there either."""
    total = calls_of_a_whole_run(tmp_path / "whole")
    for at in range(total):
        data, told = tmp_path / f"at-{at}", [0]
        data.mkdir()
        disk = Crashing(at, after=after, error=error)
        with pytest.raises(LedgerError) as caught:
            work(data, disk, told)
        assert caught.value.code == "ledger.io"
        if at % 2 == (error == errno.EIO):
            disk.power_failure()
        judge(data, told[0], f"call {at} of {total}")


@pytest.mark.parametrize("error", [0, errno.ENOSPC], ids=["killed", "full"])
@pytest.mark.parametrize("share", [0.0, 0.999, 1.0], ids=["nothing", "all-but-the-end", "all"])
def test_a_write_that_dies_may_have_written_nothing_or_all(tmp_path, error, share):
    disk = Crashing()
    (tmp_path / "whole").mkdir()
    work(tmp_path / "whole", disk, [0])
    writes = [at for at, name in enumerate(disk.names) if name == "write"]
    assert len(writes) > 15
    for at in writes:
        data, told = tmp_path / f"at-{at}", [0]
        data.mkdir()
        with pytest.raises(LedgerError if error else Power):
            work(data, Crashing(at, error=error, share=share), told)
        judge(data, told[0], f"write {at}")


class Sipping(Unsynced):
    """Writes less than it is given, as an interrupted call does, and says so."""

    def write(self, fd: int, data: memoryview) -> int:
        return super().write(fd, data[: 1 + len(data) // 3])


def test_short_writes_are_gone_on_with(tmp_path):
    told = [0]
    work(tmp_path, Sipping(), told)
    assert told == [528]
    judge(tmp_path, told[0], "short writes")


def test_every_durable_step_of_a_trail_is_among_the_calls(tmp_path):
    """So that "at any call" above says what it means."""
    steps = set()

    class Named(Crashing):
        def _step(self) -> bool:
            caller = frame = sys._getframe(1)
            while frame.f_back is not None:
                if frame.f_code.co_filename.endswith("ledger/log.py"):
                    steps.add(f"{frame.f_code.co_name}: {caller.f_code.co_name}")
                frame = frame.f_back
            return super()._step()

    work(tmp_path, Named(), [0])
    replaced = ("create", "write", "datasync", "rename", "sync_folder")
    assert steps >= {
        *(f"_create: {call}" for call in ("mkdir", *replaced)),
        *("append: write", "_active_fd: create", "sync: datasync", "sync: sync_folder"),
        *(f"publish: {call}" for call in replaced),
        *(f"seal_pending: {call}" for call in (*replaced, "unlink")),
        *(f"open: {call}" for call in ("create", "datasync", "sync_folder")),  # recovery
    }


def test_a_crash_during_recovery_is_recovered_from(tmp_path):
    """The folder holds all that recovery repairs at once; recovery dies at each of its calls, in turn."""

    def broken(data: Path) -> int:
        data.mkdir()
        told = [0]
        work(data, Unsynced(), told)
        folder = data / "trails" / "audit"
        notes = (folder / "checkpoints").read_bytes()
        with max(folder.glob("active-*")).open("ab") as file:
            file.write(b"torn tail")
        (folder / "checkpoints").write_bytes(notes + b"torn note")
        (folder / "sealed.tmp").write_bytes(b"half")
        (folder / "volume-000099.zst").write_bytes(b"half")
        return told[0]

    def recover(data: Path, disk: Disk) -> None:
        key = open_key(data / "keys", "audit", disk=Unsynced())
        Log.open(data / "trails" / "audit", "audit", key, disk, volume_entries=ENTRIES).close()

    told = broken(tmp_path / "whole")
    begun = shutil.copytree(tmp_path / "whole", tmp_path / "begun")
    disk = Crashing()
    recover(tmp_path / "whole", disk)
    assert disk.calls > 8
    for at in range(disk.calls):
        for after in (False, True):
            for error, power in ((0, False), (0, True), (errno.ENOSPC, False), (errno.EIO, True)):
                data = Path(shutil.copytree(begun, tmp_path / f"at-{at}-{after}-{error}-{power}"))
                failing = Crashing(at, after=after, error=error)
                with pytest.raises(LedgerError if error else Power):
                    recover(data, failing)
                if power:
                    failing.power_failure()
                judge(data, told, f"call {at}, {error}, {power}")


def test_what_outlived_its_writer_in_memory_is_made_durable_before_it_counts(tmp_path):
    """First the process is killed, then, under the next one, the power fails."""
    key = open_key(tmp_path / "keys", "audit")
    folder = tmp_path / "trails" / "audit"
    log = Log.open(folder, "audit", key, Unsynced(), volume_entries=ENTRIES)
    log.append([entry(n) for n in range(5)])
    log.close()
    disk = Crashing()
    disk.not_yet_synced(folder / "active-000000")
    log = Log.open(folder, "audit", key, disk, volume_entries=ENTRIES)
    told = log.durable
    log.close()
    disk.power_failure()
    assert told == 5
    judge(tmp_path, told, "after both")


def statement(old: str, new: str, number: int) -> bytes:
    line = (
        f'{{"event.action":"sealtrail.key.rotate","sealtrail.key.new":"{new}","sealtrail.key.old":"{old}",'
        f'"sealtrail.kind":"system"'
    )
    return f'{line},"event.ingested":"2026-11-24T08:00:00.{number:06d}Z","sealtrail.source":"s"}}'.encode()


def hand_over(data: Path, disk: Disk, told: list[int]) -> None:
    """One life of a writer that hands its trail over to a new key."""
    keys, folder = data / "keys", data / "trails" / "audit"
    log = Log.open(folder, "audit", open_key(keys, "audit", disk=Unsynced()), disk, volume_entries=ENTRIES)
    try:
        log.append([entry(n) for n in range(log.size, log.size + 3)])
        log.sync()
        told[0] = log.size
        signer = prepare(keys, "audit", log.key, disk)
        said = statement(log.key.text, signer.key.text, log.size)
        index = log.append([said])[0]
        log.sync()
        told[0] = log.size
        log.hand_over(signer, index, said)
        settle(keys, "audit", handovers_of(folder), disk)
        log.append([entry(n) for n in range(log.size, log.size + 2)])
        log.sync()
        told[0] = log.size
        log.publish()
    finally:
        log.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("spared", [None, 0], ids=["killed", "power-failure"])
def test_a_crash_at_any_call_of_a_hand_over_leaves_one_key_that_signs(tmp_path, after, spared):
    """The first key alone leads whoever knows it through what is left, and to the key that goes on."""

    def begun(name: str) -> Path:
        return Path(shutil.copytree(tmp_path / "before", tmp_path / name))

    (tmp_path / "before").mkdir()
    key = open_key(tmp_path / "before" / "keys", "audit")
    log = Log.open(tmp_path / "before" / "trails" / "audit", "audit", key, volume_entries=ENTRIES)
    log.append([entry(0)])
    log.sync()
    log.publish()
    log.close()
    whole, disk = begun("whole"), Crashing()
    hand_over(whole, disk, [0])
    assert disk.calls > 30
    keys_left = set()
    for at in range(disk.calls):
        data, told, where = begun(f"at-{at}"), [0], f"call {at} of {disk.calls}"
        first = read_vkey(data / "keys" / "audit.vkey")
        failing = Crashing(at, after=after)
        with pytest.raises(Power):
            hand_over(data, failing, told)
        if spared is not None:
            failing.power_failure(spared)
        folder = data / "trails" / "audit"
        assert verify(data, keys=[first], workers=1, volume_entries=ENTRIES).verdict == "intact", where
        for _ in range(2):
            settle(data / "keys", "audit", handovers_of(folder), Unsynced())
        key = open_key(data / "keys", "audit", disk=Unsynced())
        log = Log.open(folder, "audit", key, Unsynced(), volume_entries=ENTRIES)
        assert log.size >= told[0], where
        log.append([entry(log.size)])
        log.sync()
        log.publish()
        log.close()
        for known in ([first], []):
            found = verify(data, keys=known, workers=1, volume_entries=ENTRIES)
            assert found.verdict == "intact", (where, found.lines())
        assert sorted(path.name for path in (data / "keys").glob("*.key*")) == ["audit.key"], where
        keys_left.add(key.key == first)
    assert keys_left == {True, False}


def prune(data: Path, disk: Disk) -> None:
    """Record a prune of the first volume, sign that, and do it: in the order in which a collector does."""
    key = open_key(data / "keys", "audit", disk=Unsynced())
    log = Log.open(data / "trails" / "audit", "audit", key, Unsynced(), volume_entries=ENTRIES)
    try:
        if log.size == 528:
            said = (
                '{"event.action":"sealtrail.prune","sealtrail.kind":"system",'
                f'"sealtrail.range.trail":"audit","sealtrail.range.end":{ENTRIES},'
                f'"event.ingested":"2026-11-24T08:00:00.{log.size:06d}Z","sealtrail.source":"s"}}'
            )
            log.append([said.encode()])
            log.sync()
            log.publish()
    finally:
        log.close()
    prune_volumes(data / "trails" / "audit", ENTRIES, disk, volume_entries=ENTRIES)


@pytest.mark.parametrize("error", [0, errno.EIO], ids=["killed", "broken"])
def test_a_prune_that_is_cut_short_at_any_call_is_intact_and_is_done_again(tmp_path, error):
    whole = tmp_path / "whole"
    whole.mkdir()
    work(whole, Unsynced(), [0])
    disk = Crashing()
    prune(Path(shutil.copytree(whole, tmp_path / "count")), disk)
    assert {"rename", "unlink", "sync_folder"} <= set(disk.names)
    for at in range(disk.calls):
        for after, power in ((False, False), (True, False), (True, True)):
            data = Path(shutil.copytree(whole, tmp_path / f"at-{at}-{after}-{power}"))
            disk = Crashing(at, after=after, error=error)
            with pytest.raises(LedgerError if error else Power):
                prune(data, disk)
            if power:
                disk.power_failure()
            assert verify(data, workers=1, volume_entries=ENTRIES).verdict == "intact", at
            prune(data, Unsynced())
            report = verify(data, workers=1, volume_entries=ENTRIES)
            found = report.trails[0]
            assert (report.verdict, found.first, found.size) == ("intact", ENTRIES, 529), report.lines()


def test_a_key_whose_making_is_cut_short_at_any_call_is_one_key_in_the_end(tmp_path):
    disk = Crashing()
    open_key(tmp_path / "count", "audit", disk=disk)
    assert disk.names.count("rename") == 2
    for at in range(disk.calls):
        for after, power, error in ((False, False, 0), (True, True, 0), (True, False, errno.EIO)):
            keys = tmp_path / f"at-{at}-{after}-{power}-{error}"
            failing = Crashing(at, after=after, error=error)
            with pytest.raises(LedgerError if error else Power):
                open_key(keys, "audit", disk=failing)
            if power:
                failing.power_failure()
            key = open_key(keys, "audit", disk=Unsynced()).key
            assert open_key(keys, "audit", disk=Unsynced()).key == read_vkey(keys / "audit.vkey") == key
            assert (keys / "audit.key").stat().st_mode & 0o777 == 0o600


CHILD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from sealtrail.ledger.log import Log
    from sealtrail.ledger.sign import open_key

    data = Path(sys.argv[1])
    log = Log.open(data / "trails" / "audit", "audit", open_key(data / "keys", "audit"), volume_entries=256)
    while True:
        first = log.size
        entries = [
            b'{"n":%d,"event.ingested":"2026-11-24T08:00:00.%06dZ","sealtrail.source":"s"}' % (n, n)
            for n in range(first, first + 37)
        ]
        log.append(entries)
        log.sync()
        print(log.size, flush=True)
        if first % 3 == 0:
            log.publish()
            log.seal_pending()
    """
)


def test_a_killed_process_loses_nothing_it_had_acknowledged(tmp_path):
    data, told = tmp_path / "data", 0
    data.mkdir()
    for life in range(4):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(data)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(3 + 11 * life):
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")[:-1]
        told = int(rest[-1]) if rest else told
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        judge(data, told, f"life {life}")
