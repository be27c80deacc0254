from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError, NotFoundError, UsageError
from sealtrail.serve import folder as room
from sealtrail.serve.folder import FORMAT, Folder, WriterLock, free_space
from sealtrail.settings import DiskSettings

HOLD = """
import sys
from pathlib import Path
from sealtrail.serve.folder import Folder, WriterLock
with WriterLock(Folder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "data")
    made.create()
    return made


def test_a_second_writer_is_told_the_pid_of_the_first_which_a_kill_9_sets_free(folder, child):
    first = child("-c", HOLD, folder.root)
    assert first.stdout.readline() == "held\n"
    assert folder.writer() == first.pid
    with pytest.raises(LedgerError) as refused, WriterLock(folder):
        pass
    assert refused.value.code == "ledger.locked"
    assert f"process {first.pid} is the writer" in refused.value.what
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert folder.writer() is None
    with WriterLock(folder):
        assert folder.writer() == os.getpid()
    assert folder.writer() is None


def test_a_command_that_only_looks_keeps_no_writer_out(folder, monkeypatch):
    """`writer` holds the lock for a moment: a server that starts just then must not take it for a writer."""
    with WriterLock(folder):
        pass
    looking = os.open(folder.lock, os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        os.close(looking)

    monkeypatch.setattr(room.time, "sleep", sleep)
    with WriterLock(folder):
        pass
    assert waited == [room.LOOK_SECONDS]


def test_a_folder_is_private_to_its_owner(folder):
    made = [folder.root, folder.keys, folder.trails, folder.store, folder.state, folder.inbox, folder.rejects]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}
    assert folder.format.read_text() == FORMAT
    folder.create()  # again: nothing changes
    folder.check()


@pytest.mark.parametrize("written", ["sealtrail 2\n", "", "sealtrail 1", "x" * 5000])
def test_a_folder_of_another_format_is_refused_before_anything_is_touched(tmp_path, written):
    data = tmp_path / "data"
    data.mkdir()
    (data / "format").write_text(written)
    for act in (Folder(data).check, Folder(data).create):
        with pytest.raises(UsageError) as refused:
            act()
        assert refused.value.code == "usage.format"
        assert len(refused.value.what) < 300
    assert [path.name for path in data.iterdir()] == ["format"]


def test_what_is_no_data_folder_is_said_so(tmp_path):
    with pytest.raises(NotFoundError):
        Folder(tmp_path).check()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError) as refused:
        Folder(tmp_path / "file").create()
    assert refused.value.code == "usage.path"


def test_room_on_the_disk_is_measured_against_the_watermark(tmp_path):
    assert free_space(tmp_path, DiskSettings(free_bytes=1)) == ""
    assert "must stay free" in free_space(tmp_path, DiskSettings(free_bytes=1 << 62))
