"""What must not happen unrecorded does not happen, whatever the disk does."""

from __future__ import annotations

import errno
import os
import resource
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import sealtrail
from sealtrail.capture import recorder
from sealtrail.capture.recorder import Recorder
from sealtrail.errors import BusyError

# Python 3.12 warns of a fork beside threads; the children here call nothing but what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

NOBODY = 65534


@pytest.fixture
def made(spool: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    yield made
    made.spool.close()


def in_a_child(code: Callable[[], None]) -> None:
    """Run it where limits and rights may be given up for good."""
    child = os.fork()
    if child == 0:
        try:
            code()
        except BaseException:  # a child that is let go on would run the rest of the suite
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def nothing_happens(fsync: bool = False) -> None:
    """Each way to require a record refuses before anything is done."""
    happened = []

    @sealtrail.audited("invoice.delete", required=True, fsync=fsync)
    def delete() -> None:
        happened.append("delete")

    with pytest.raises(BusyError):
        delete()
    with pytest.raises(BusyError), sealtrail.auditing("user.role.update", required=True, fsync=fsync):
        happened.append("update")
    with pytest.raises(BusyError):
        sealtrail.audit("loan.approve", required=True, fsync=fsync)
    assert happened == []


def all_is_well() -> None:
    with sealtrail.auditing("user.role.update", required=True, fsync=True) as act:
        pass
    assert act.recorded


def test_on_a_disk_that_is_full_nothing_happens(made: Recorder, spool: Path) -> None:
    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sealtrail.audit("a.b")
        (segment,) = spool.glob("*.ndjson")
        resource.setrlimit(resource.RLIMIT_FSIZE, (segment.stat().st_size + 100, resource.RLIM_INFINITY))
        nothing_happens()
        assert sealtrail.audit("a.b") is False
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        all_is_well()

    in_a_child(full)


def test_in_a_folder_that_may_not_be_written_nothing_happens(made: Recorder, spool: Path) -> None:
    def shut() -> None:
        os.umask(0)
        spool.mkdir()
        spool.chmod(0o555)
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        nothing_happens()

    in_a_child(shut)
    assert list(spool.iterdir()) == []


def test_rights_that_are_lost_while_it_runs_stop_what_needs_a_new_segment(
    made: Recorder, spool: Path
) -> None:
    def lost() -> None:
        all_is_well()
        spool.chmod(0o555)
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        made.spool._size = made.spool.segment_bytes
        nothing_happens()

    in_a_child(lost)


def test_a_spool_that_is_full_to_its_limit_keeps_what_is_required_from_happening(
    made: Recorder, spool: Path
) -> None:
    all_is_well()
    (spool / "other.000000.ndjson").write_bytes(b"x" * 10_000)
    made.spool.limit_bytes, made.spool.reserve_bytes = 10_000, 1_000
    nothing_happens()
    (spool / "other.000000.ndjson").unlink()
    all_is_well()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_write_that_is_refused_keeps_it_from_happening(made: Recorder, trouble, number: int, spool) -> None:
    all_is_well()
    trouble.begin(str(spool), number, "write")
    nothing_happens()
    assert trouble.refused == 3
    trouble.end()
    all_is_well()


def test_without_a_sync_what_must_be_durable_does_not_happen(made: Recorder, trouble, spool) -> None:
    trouble.begin(str(spool), errno.EIO, "fsync")
    nothing_happens(fsync=True)
    assert sealtrail.audit("a.b", fsync=True) is False
    assert sealtrail.audit("a.b", required=True) is True  # nobody asked the disk
    trouble.end()
    all_is_well()


def test_a_folder_that_was_removed_is_seen_before_anything_happens(made: Recorder, spool, trouble) -> None:
    all_is_well()
    for path in spool.iterdir():
        path.unlink()
    spool.rmdir()
    trouble.begin(str(spool), errno.EROFS, "open")
    nothing_happens()
    trouble.end()
    made.spool._retry_open = 0.0  # a second later
    all_is_well()
    assert len(list(spool.iterdir())) == 1


def test_an_end_that_meets_a_full_disk_leaves_the_intent_on_record(
    made: Recorder, spool, trouble, events
) -> None:
    with sealtrail.auditing("user.role.update", required=True) as act:
        trouble.begin(str(spool), errno.ENOSPC, "write")
    trouble.end()
    assert act.recorded is False
    made.spool.close()
    (line,) = (line for path in spool.iterdir() for line in path.read_bytes().splitlines()[:1])
    assert b'"event.type":["start"]' in line
    assert b'"event.outcome":"unknown"' in line
