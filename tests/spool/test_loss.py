from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from sealtrail.event import check, decode, is_canonical
from sealtrail.event.model import constants
from sealtrail.spool import disk
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import segment_name, segments
from sealtrail.spool.loss import LOSS, NO_CONSTANTS, Losses

HEAD = b'{"a":1'


def lines(folder):
    found = [line for _, path in segments(folder) for line in path.read_bytes().splitlines()]
    return [line for line in found if line[:1] == b"{"]


def told(folder):
    return [decode(line) for line in lines(folder) if LOSS.encode() in line]


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A spool whose folder another process has filled up, and that looks at it for each event."""
    monkeypatch.setattr(disk, "_RETRY_SECONDS", 0.0)
    spool = Spool(tmp_path, limit_bytes=2000, reserve_bytes=1000)
    spool.constants = constants("shop", host="h", pid=7)
    (tmp_path / segment_name("other", 0)).write_bytes(b"x" * 2000)
    yield spool
    spool.close()


def test_what_was_dropped_is_told_once_there_is_room_again_and_only_once(full, tmp_path):
    for audit in (False, False, True, False, False):
        assert not full.write(HEAD, audit=audit)
    assert full.dropped == 5
    (tmp_path / segment_name("other", 0)).unlink()
    before = datetime.now(UTC)
    assert full.write(HEAD)
    event, loss = (decode(line) for line in lines(tmp_path))
    assert event["sealtrail.seq"] == 5
    assert (loss["event.action"], loss["sealtrail.seq"]) == (LOSS, 6)
    assert loss["sealtrail.details"] == {
        "access": 4,
        "audit": 1,
        "refused": 0,
        "causes": {"the spool folder is full": 5},
    }
    assert loss["event.reason"] == "5 events could not be recorded: the spool folder is full"
    assert loss["event.start"] < f"{before:%Y-%m-%dT%H:%M:%S.%fZ}" <= loss["@timestamp"]
    assert (loss["service.name"], loss["process.pid"], loss["sealtrail.kind"]) == ("shop", 7, "audit")
    # A collector takes it from a spool: it is canonical, and of no kind that is reserved.
    assert is_canonical(lines(tmp_path)[1], loss)
    check(loss)
    full.write(HEAD)
    assert len(told(tmp_path)) == 1


def test_while_there_is_room_for_acts_alone_the_loss_is_not_told_at_their_cost(full, tmp_path):
    (tmp_path / segment_name("other", 0)).write_bytes(b"x" * 1500)
    assert not full.write(HEAD)
    assert full.write(HEAD, audit=True)
    assert told(tmp_path) == []


def test_acts_end_at_the_bound_although_the_folder_is_looked_at_once_a_second(tmp_path):
    spool = Spool(tmp_path, limit_bytes=2000, reserve_bytes=1000)
    done = [spool.write(HEAD, audit=True) for _ in range(100)]
    assert sum(path.stat().st_size for _, path in segments(tmp_path)) < 2100
    assert done == sorted(done, reverse=True)
    assert (spool.written, spool.dropped) == (sum(done), 100 - sum(done))
    spool.close()


def test_a_full_folder_comes_free_although_its_writers_live(tmp_path, monkeypatch):
    """An open segment stays, however much of it was read: so nobody keeps one open where that is all."""
    monkeypatch.setattr(disk, "_RETRY_SECONDS", 0.0)
    spool = Spool(tmp_path, limit_bytes=2000, reserve_bytes=0)
    while spool.write(HEAD):
        pass
    from sealtrail.spool.layout import remove_if_read

    for _, path in segments(tmp_path):
        assert remove_if_read(path, path.stat().st_size)
    assert spool.write(HEAD)
    spool.close()


def refusing(monkeypatch, number=errno.EIO):
    """From now on the disk refuses; the list that stops it when it is emptied."""
    write, failing = os.write, [True]

    def refuse(descriptor, data):
        if failing:
            raise OSError(number, os.strerror(number))
        return write(descriptor, data)

    monkeypatch.setattr(disk.os, "write", refuse)
    return failing


def test_what_the_disk_refused_is_told_as_that_however_often_it_was_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_RETRY_SECONDS", 0.0)
    spool = Spool(tmp_path)
    failing = refusing(monkeypatch)
    for _ in range(10):
        assert not spool.write(HEAD)
    failing.clear()
    spool.write(HEAD)
    (loss,) = told(tmp_path)
    assert loss["sealtrail.details"]["access"] == spool.failed == 10
    assert list(loss["sealtrail.details"]["causes"]) == ["the spool cannot be written: Input/output error"]
    spool.close()


def test_a_loss_after_which_nothing_is_recorded_is_told_when_the_spool_is_closed(full, tmp_path):
    assert not full.write(HEAD)
    (tmp_path / segment_name("other", 0)).unlink()
    full.close()
    assert told(tmp_path)[0]["sealtrail.details"]["access"] == 1
    full.close()
    assert len(told(tmp_path)) == 1


def test_a_loss_at_the_end_of_a_process_is_told_by_its_exit(tmp_path):
    program = """
import resource, signal, sys
from pathlib import Path
from sealtrail.spool.disk import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path(sys.argv[1]))
assert spool.write(b'{"a":1')
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
assert not spool.write(b'{"a":1', audit=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    (loss,) = told(tmp_path)
    assert (loss["sealtrail.details"]["audit"], loss["sealtrail.seq"]) == (1, 2)


def test_after_a_close_the_next_event_opens_a_segment_and_is_no_loss(tmp_path):
    spool = Spool(tmp_path)
    spool.write(HEAD)
    spool.close()
    assert spool.write(HEAD)
    assert (spool.failed, len(segments(tmp_path))) == (0, 2)
    spool.close()


def test_many_causes_are_counted_together_beyond_a_few(monkeypatch):
    losses = Losses()
    for number in range(20):
        losses.add(f"cause {number}", audit=False)
    assert not Losses()
    assert losses
    event = decode(losses.line(NO_CONSTANTS) + b',"sealtrail.emitter":"e","sealtrail.seq":0}')
    assert event["sealtrail.details"]["causes"]["other"] == 12
    assert event["sealtrail.details"]["access"] == 20


def test_a_clock_that_is_set_back_meanwhile_leaves_an_event_that_the_door_takes():
    losses = Losses()
    losses.refuse("full")
    losses.since = datetime(2999, 1, 1, tzinfo=UTC)
    event = decode(losses.line(NO_CONSTANTS) + b',"sealtrail.emitter":"e","sealtrail.seq":0}')
    check(event)
    assert event["event.start"] == event["@timestamp"]
    assert event["event.reason"] == "1 requests were refused because they could not have been: full"
