import errno
import gc
import os
import re
import signal
import stat
import threading

import pytest

from sealtrail.spool import disk
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import is_alive, parse_segment_name, segments

# Python 3.12 warns of a fork beside threads; that it works is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

HEAD = b'{"a":1'
SEQ = re.compile(rb'"sealtrail\.emitter":"([0-9a-f]+)","sealtrail\.seq":(\d+)')


def lines(folder):
    return [line for _, path in segments(folder) for line in path.read_bytes().split(b"\n") if line]


def numbers(folder):
    return [int(SEQ.search(line)[2]) for line in lines(folder)]


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


def test_an_event_is_a_line_with_emitter_and_number_before_the_callers_tail(spool):
    assert spool.write(HEAD, b',"x":2')
    assert lines(spool.folder) == [
        b'{"a":1,"sealtrail.emitter":"%b","sealtrail.seq":0,"x":2}' % spool.emitter.encode()
    ]


def test_nothing_is_made_before_the_first_event(tmp_path):
    Spool(tmp_path / "spool")
    assert not (tmp_path / "spool").exists()


def test_modes_let_the_group_read_and_nobody_else(spool):
    before = os.umask(0o077)
    try:
        spool.write(HEAD)
    finally:
        os.umask(before)
    (path,) = (path for _, path in segments(spool.folder))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o2770


def test_the_segment_is_locked_until_the_spool_is_closed(spool):
    spool.write(HEAD)
    (path,) = (path for _, path in segments(spool.folder))
    assert is_alive(path)
    spool.close()
    assert not is_alive(path)


def test_rotation_keeps_the_emitter_and_the_numbering(tmp_path):
    spool = Spool(tmp_path, segment_bytes=200)
    for _ in range(10):
        spool.write(HEAD)
    names = [name for name, _ in segments(tmp_path)]
    assert {name.emitter for name in names} == {spool.emitter}
    assert [name.number for name in names] == list(range(len(names)))
    assert len(names) > 2
    assert numbers(tmp_path) == list(range(10))
    assert [is_alive(path) for _, path in segments(tmp_path)] == [False] * (len(names) - 1) + [True]


def test_threads_write_each_number_once_and_in_order(spool):
    def write():
        for _ in range(200):
            spool.write(HEAD)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(spool.folder) == list(range(1600))


def test_a_short_write_loses_its_number_and_the_next_line_stands_alone(spool, monkeypatch):
    spool.write(HEAD)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    assert not spool.write(HEAD)
    monkeypatch.undo()
    assert spool.write(HEAD)
    assert spool.failed == 1
    whole = [line for line in lines(spool.folder) if SEQ.search(line)]
    assert [int(SEQ.search(line)[2]) for line in whole] == [0, 2, 3]
    assert b"capture.loss" in whole[2]
    assert all(line.startswith(b"{") and line.endswith(b"}") for line in whole)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_failed_write_raises_nothing_and_is_counted(spool, monkeypatch, error):
    spool.write(HEAD)

    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "write", refuse)
    assert [spool.write(HEAD) for _ in range(3)] == [False] * 3
    monkeypatch.undo()
    assert spool.write(HEAD)
    assert (spool.written, spool.failed) == (3, 3)
    assert numbers(spool.folder) == [0, 4, 5]


@pytest.mark.parametrize("call", ["open", "fchmod"])
def test_a_segment_that_cannot_be_opened_raises_nothing_and_is_tried_again(tmp_path, monkeypatch, call):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "refused")

    spool = Spool(tmp_path)
    monkeypatch.setattr(os, call, refuse)
    assert not spool.write(HEAD)
    assert not spool.write(HEAD)
    monkeypatch.undo()
    spool._retry_open = 0.0
    assert spool.write(HEAD)
    assert (spool.written, spool.failed) == (2, 2)  # the second tells of the loss
    assert numbers(tmp_path) == [2, 3]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_in_the_place_of_the_folder_raises_nothing(tmp_path):
    (tmp_path / "spool").touch()
    spool = Spool(tmp_path / "spool")
    assert not spool.write(HEAD)
    assert spool.failed == 1


def test_without_locks_nothing_is_written_that_a_collector_could_delete(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(disk.fcntl, "flock", refuse)
    spool = Spool(tmp_path)
    assert not spool.write(HEAD)
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_drops_access_events_and_keeps_a_reserve_for_audit(tmp_path):
    (tmp_path / "other.000000.ndjson").write_bytes(b"x" * 900)
    spool = Spool(tmp_path, limit_bytes=1000, reserve_bytes=200)
    assert not spool.write(HEAD)
    assert spool.write(HEAD, audit=True)
    assert not spool.write(HEAD)
    assert (spool.dropped, spool.written) == (2, 1)
    assert numbers_of(spool) == [1]


def numbers_of(spool):
    return [int(SEQ.search(line)[2]) for line in lines(spool.folder) if SEQ.search(line)]


def test_audit_events_end_at_the_limit_as_well(tmp_path):
    (tmp_path / "other.000000.ndjson").write_bytes(b"x" * 1000)
    spool = Spool(tmp_path, limit_bytes=1000, reserve_bytes=200)
    assert not spool.write(HEAD, audit=True)
    assert spool.dropped == 1


def test_room_that_comes_back_is_used_again(tmp_path):
    other = tmp_path / "other.000000.ndjson"
    other.write_bytes(b"x" * 2000)
    spool = Spool(tmp_path, limit_bytes=1000, reserve_bytes=200)
    assert not spool.write(HEAD)
    other.unlink()
    spool._retry_look = 0.0
    assert spool.write(HEAD)


def test_a_segment_that_was_deleted_under_the_writer_is_left_for_a_new_one(spool, monkeypatch):
    monkeypatch.setattr(disk, "_LOOK_BYTES", 1)
    spool.write(HEAD)
    for _, path in segments(spool.folder):
        path.unlink()
    assert spool.write(HEAD)
    assert numbers(spool.folder) == [1, 2]  # and the loss of the first is told
    assert (spool.written, spool.failed) == (2, 1)


def test_a_descriptor_that_the_application_closed_and_reused_is_never_written_to(
    spool, monkeypatch, tmp_path
):
    monkeypatch.setattr(disk, "_LOOK_BYTES", 1)
    spool.write(HEAD)
    victim = os.open(tmp_path / "victim", os.O_CREAT | os.O_WRONLY)
    os.dup2(victim, spool._descriptor)
    assert spool.write(HEAD)
    assert (tmp_path / "victim").read_bytes() == b""
    assert numbers(spool.folder) == [0, 1, 2]  # and that the first may have gone there is told
    os.close(victim)


def test_fsync_reaches_the_disk_before_it_returns(spool, monkeypatch):
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(
        os, "fdatasync", lambda descriptor: (synced.append(os.fstat(descriptor).st_size), sync(descriptor))
    )
    assert spool.write(HEAD, fsync=True)
    (path,) = (path for _, path in segments(spool.folder))
    assert synced == [path.stat().st_size]
    assert is_alive(path)


def test_a_refused_fsync_is_told_and_raises_nothing(spool, monkeypatch):
    def refuse(_):
        raise OSError(errno.EIO, "refused")

    monkeypatch.setattr(os, "fdatasync", refuse)
    assert not spool.write(HEAD, fsync=True)
    assert spool.write(HEAD)


def test_a_segment_that_was_refused_once_is_left_and_nothing_in_it_is_said_to_be_durable(spool, monkeypatch):
    """The kernel tells of a lost page once: whoever asks next is told that all is well."""

    def refuse(_):
        raise OSError(errno.EIO, "refused")

    spool.write(HEAD)
    (before,) = (path for _, path in segments(spool.folder))
    waiting = os.dup(spool._descriptor)  # of a thread that wrote before, and asks after
    inode = spool._inode
    monkeypatch.setattr(os, "fdatasync", refuse)
    assert not spool.write(HEAD, fsync=True)
    monkeypatch.undo()
    assert not spool._sync(waiting, inode)
    assert spool.write(HEAD, fsync=True)
    assert not is_alive(before)
    assert numbers(spool.folder) == [0, 1, 2]


def test_a_closed_folder_above_the_spool_is_no_reason_to_doubt_the_disk(spool, monkeypatch):
    opened = os.open

    def closed(path, *rest, **named):
        if os.fspath(path) == str(spool.folder.parent):
            raise PermissionError(errno.EACCES, "closed")
        return opened(path, *rest, **named)

    monkeypatch.setattr(os, "open", closed)
    assert spool.write(HEAD, fsync=True)


def test_who_needs_to_be_certain_is_not_answered_for_a_write_that_is_still_to_come(spool, monkeypatch):
    write = os.write
    answers = []

    def interrupted(descriptor, data):
        if not answers:
            answers.append(True)
            answers.append(spool.write(b'{"late":1', certain=True))
            answers.append(spool.write(b'{"late":2', fsync=True))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", interrupted)
    assert spool.write(HEAD)
    assert answers == [True, False, False]
    assert numbers(spool.folder) == [0, 1, 2]


def test_who_needs_to_be_certain_never_writes_into_a_file_that_is_gone(spool):
    spool.write(HEAD)
    for _, path in segments(spool.folder):
        path.unlink()
    assert spool.write(HEAD)  # which nobody will find
    assert spool.write(HEAD, certain=True)
    assert numbers(spool.folder) == [2, 3]  # and the loss of the others is told


def test_an_event_of_a_signal_handler_in_the_middle_of_a_write_waits_for_its_end(spool, monkeypatch):
    write = os.write
    done = []

    def interrupted(descriptor, data):
        if not done:
            done.append(True)
            os.kill(os.getpid(), signal.SIGUSR1)  # handled between this line and the next
            assert spool.written == 0
        return write(descriptor, data)

    before = signal.signal(signal.SIGUSR1, lambda *_: spool.write(b'{"late":1'))
    try:
        monkeypatch.setattr(os, "write", interrupted)
        assert spool.write(HEAD)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert numbers(spool.folder) == [0, 1]
    assert b'"late"' in lines(spool.folder)[1]


def test_an_exception_of_a_signal_handler_passes_and_leaves_the_spool_usable(spool, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    spool.write(HEAD)
    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spool.write(HEAD)
    monkeypatch.undo()
    assert spool.write(HEAD)
    assert numbers(spool.folder) == [0, 2]


def test_a_forked_child_is_another_emitter_with_a_segment_of_its_own(spool):
    spool.write(HEAD)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        ok = spool.write(HEAD)
        os.write(write, spool.emitter.encode() if ok else b"failed")
        os._exit(0)
    os.waitpid(child, 0)
    other = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert other not in {"failed", spool.emitter}
    found = {name.emitter: path for name, path in segments(spool.folder)}
    assert set(found) == {other, spool.emitter}
    assert numbers(spool.folder) == [0, 0]
    assert is_alive(found[spool.emitter])
    assert not is_alive(found[other])


def test_a_child_does_not_keep_its_dead_parents_segment_alive(tmp_path):
    start, done = os.pipe(), os.pipe()
    parent = os.fork()
    if parent == 0:
        spool = Spool(tmp_path)
        spool.write(HEAD)
        if os.fork() == 0:
            os.write(done[1], b"x")
            os.read(start[0], 1)
        os._exit(0)
    os.waitpid(parent, 0)
    os.read(done[0], 1)
    (path,) = (path for _, path in segments(tmp_path))
    assert parse_segment_name(path.name)
    assert not is_alive(path)
    os.write(start[1], b"x")
    for descriptor in (*start, *done):
        os.close(descriptor)


def test_a_lock_that_another_thread_held_at_the_fork_is_free_in_the_child(spool):
    held, release = threading.Event(), threading.Event()

    def hold():
        with spool._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if spool.write(HEAD) else 1)
    release.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_what_went_wrong_is_said_once(tmp_path, caplog):
    (tmp_path / "spool").touch()
    spool = Spool(tmp_path / "spool")
    for _ in range(5):
        spool._retry_open = 0.0
        spool.write(HEAD)
    assert len(caplog.records) == 1
    gc.collect()


def test_an_event_within_a_write_that_a_signal_ended_is_in_the_file_when_it_is_closed(spool, monkeypatch):
    write = os.write

    def interrupted(descriptor, data):
        spool.write(b'{"late":1')
        raise KeyboardInterrupt

    spool.write(HEAD)
    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spool.write(HEAD)
    monkeypatch.setattr(os, "write", write)
    spool.close()
    assert [b'"late"' in line for line in lines(spool.folder)] == [False, True]
