"""Whatever becomes of the disk, the folder, the clock or the descriptor: requests go on and losses are told.

Each story asks a WSGI application behind the middleware before, while and after something is wrong. The
answers are those of the bare application but for `X-Request-ID`; what is missing from the record is what was
counted, and the record says so itself once it can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import socket
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

import sealtrail
from sealtrail.capture import exchange, recorder
from sealtrail.event import check, decode
from sealtrail.spool import disk
from sealtrail.spool.layout import segment_name, segments
from sealtrail.spool.loss import LOSS
from sealtrail.wsgi import SealtrailMiddleware

# Python 3.12 warns of a fork beside threads; the children here call nothing but what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

NOBODY = 65534
KIB = 1024


class Site:
    """An application, bare and behind the middleware, and what is asked of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.within: Callable[[], object] = lambda: None
        self.door = SealtrailMiddleware(validator(self.app), service="shop", spool=folder)
        self.spool = self.door.recorder.spool
        self.asked = 0

    def app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.within()
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-Own", "1")])
        return [b"one", b"two"]

    def ask(self, count: int = 1) -> None:
        """Requests, each answered as if nobody recorded it."""
        for _ in range(count):
            self.asked += 1
            status, headers, body = _call(validator(self.door))
            assert headers.pop("X-Request-ID")
            assert (status, headers, body) == _call(validator(self.app))
        assert self.door.recorder.errors == 0

    def counts(self) -> dict[str, int]:
        return {name: getattr(self.spool, name) for name in ("written", "failed", "dropped")}

    def events(self, *elsewhere: Path) -> list[dict[str, Any]]:
        """The events of this process that a collector finds, by number; each one passes its door."""
        found = []
        for folder in (self.folder, *elsewhere):
            for name, path in segments(folder):
                if name.emitter == self.spool.emitter:
                    lines = path.read_bytes().split(b"\n")
                    whole = [decode(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
                    found += whole
        for event in found:
            check(event)
        return sorted(found, key=lambda event: event["sealtrail.seq"])

    def is_complete(self) -> None:
        """What is missing is what was counted, and what was told."""
        found = self.events()
        numbers = [event["sealtrail.seq"] for event in found]
        assert len(set(numbers)) == len(numbers)
        told = [event["sealtrail.details"] for event in found if event["event.action"] == LOSS]
        missing = set(range(max(numbers) + 1)) - set(numbers)
        assert len(missing) == sum(loss["access"] + loss["audit"] for loss in told)
        assert len(missing) == self.spool.failed + self.spool.dropped
        assert len(found) == self.spool.written == self.asked - len(missing) + len(told)


def _call(app: Any) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {
        "REMOTE_ADDR": "192.0.2.7",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        told[:] = [status, dict(headers)]
        return lambda _: None

    body = app(environ, start)
    try:
        whole = b"".join(body)
    finally:
        body.close()
    return told[0], told[1], whole


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again after a second is tried again with the next event."""
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setattr(disk, "_RETRY_SECONDS", 0.0)


@pytest.fixture
def site(spool: Path) -> Iterator[Site]:
    made = Site(spool)
    yield made
    made.spool.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if _mount("-t", "tmpfs", "-o", "size=256k,mode=0755", "none", str(place)):
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(*arguments: str) -> int:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode
    except OSError:
        return 1


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


def look(site: Site) -> None:
    """As after a quarter of a second."""
    site.door.recorder.blocks._look_at = 0.0


# --- the disk


def test_a_disk_that_runs_full_and_is_emptied(tiny):
    site = Site(tiny / "spool")
    site.ask(3)
    ballast = tiny / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * KIB):
            pass
    site.ask(40)  # some fit into the last page
    assert site.spool.failed > 0
    ballast.unlink()
    site.ask(3)
    site.is_complete()
    (loss,) = [event for event in site.events() if event["event.action"] == LOSS]
    assert any("No space left" in cause or "full" in cause for cause in loss["sealtrail.details"]["causes"])
    site.spool.close()


def test_a_disk_that_becomes_read_only_and_is_writable_again(tiny):
    site = Site(tiny / "spool")
    site.ask(3)
    site.spool.close()  # the kernel lets no disk become so while a file is being written to
    assert _mount("-o", "remount,ro", str(tiny)) == 0
    site.ask(5)
    assert site.counts() == {"written": 3, "failed": 5, "dropped": 0}
    assert _mount("-o", "remount,rw", str(tiny)) == 0
    site.ask(1)
    site.is_complete()
    (loss,) = [event for event in site.events() if event["event.action"] == LOSS]
    assert list(loss["sealtrail.details"]["causes"]) == [
        "no segment can be opened in the spool folder: Read-only file system"
    ]
    site.spool.close()


def test_a_file_that_takes_half_a_line_and_then_nothing(site):
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        site.ask(2)
        ((_, segment),) = segments(site.folder)
        size = segment.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        site.ask(5)
        assert segment.stat().st_size == size + 100  # the kernel wrote what fitted
        assert site.spool.failed == 5
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        site.ask(2)
        site.is_complete()

    in_a_child(limited)


@pytest.mark.parametrize("number", [errno.EIO, errno.EDQUOT, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_write_that_is_refused_for_whatever_reason(site, trouble, number):
    site.ask(2)
    trouble.begin(str(site.folder), number, "write")
    site.ask(4)
    trouble.end()
    site.ask(2)
    site.is_complete()
    (loss,) = [event for event in site.events() if event["event.action"] == LOSS]
    assert list(loss["sealtrail.details"]["causes"]) == [
        f"the spool cannot be written: {os.strerror(number)}"
    ]


# --- the folder


def test_rights_that_are_lost_while_it_runs(site):
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without rights, and root again")
    for parent in site.folder.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)

    def lost() -> None:
        site.folder.mkdir()
        os.chown(site.folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        site.ask(2)
        _as_root(lambda: (os.chown(site.folder, 0, 0), site.folder.chmod(0o700)))
        site.spool.close()  # as at the end of a segment
        site.ask(4)
        assert site.counts() == {"written": 2, "failed": 4, "dropped": 0}
        _as_root(lambda: os.chown(site.folder, NOBODY, NOBODY))
        site.ask(2)
        site.is_complete()

    in_a_child(lost)


def _as_root(code: Callable[[], object]) -> None:
    os.seteuid(0)
    code()
    os.seteuid(NOBODY)


def test_a_folder_that_was_never_to_be_had(tmp_path):
    (tmp_path / "spool").write_bytes(b"a file")
    site = Site(tmp_path / "spool" / "below")
    site.ask(3)
    assert site.counts() == {"written": 0, "failed": 3, "dropped": 0}


def test_a_folder_that_is_deleted_is_made_again(site):
    site.ask(3)
    shutil.rmtree(site.folder)
    look(site)
    site.ask(3)
    assert [event["sealtrail.seq"] for event in site.events()] == [3, 4, 5, 6]
    assert site.counts() == {"written": 4, "failed": 3, "dropped": 0}
    site.is_complete()


def test_a_folder_that_another_one_takes_the_place_of(site, tmp_path):
    site.ask(3)
    site.folder.rename(tmp_path / "moved")
    site.folder.mkdir()
    look(site)
    site.ask(3)
    assert [event["sealtrail.seq"] for event in site.events()] == [3, 4, 5, 6]
    assert len(site.events(tmp_path / "moved")) == 7  # counted as lost, for nobody looks there


def test_a_segment_that_is_deleted_is_not_written_to_for_long(site):
    site.ask(3)
    for _, path in segments(site.folder):
        path.unlink()
    site.ask(2)  # within a quarter of a second
    look(site)
    site.ask(2)
    assert site.spool.failed == 5
    site.is_complete()


def test_a_folder_that_is_full_to_its_bound(site):
    site.spool.bound(1024 * KIB)
    site.ask(2)
    full = site.folder / segment_name("other", 0)
    with full.open("wb") as file:
        file.truncate(1000 * KIB)
    site.spool._settle()  # as after a mebibyte
    site.ask(5)
    assert sealtrail.audit("user.role.update", target=("user", "1"))  # which has room of its own
    site.asked += 1
    full.unlink()
    site.ask(2)
    assert site.counts() == {"written": 6, "failed": 0, "dropped": 5}
    site.is_complete()


# --- the process


@pytest.mark.parametrize("becomes", ["nothing", "a file", "a socket"])
def test_a_descriptor_that_the_application_closes(site, tmp_path, becomes):
    site.ask(2)
    other, peer = socket.socketpair()
    if becomes == "nothing":
        os.close(site.spool._descriptor)
    elif becomes == "a file":
        descriptor = os.open(tmp_path / "precious", os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, site.spool._descriptor)
        os.close(descriptor)
    else:
        os.dup2(other.fileno(), site.spool._descriptor)
    taken = site.spool._descriptor
    look(site)
    site.ask(3)
    if becomes == "a file":
        assert (tmp_path / "precious").read_bytes() == b""
    if becomes == "a socket":
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)
    found = [event["http.route" if "http.route" in event else "event.action"] for event in site.events()]
    assert found.count("http.request") == 5
    other.close()
    peer.close()
    if becomes != "nothing" and site.spool._descriptor != taken:
        os.close(taken)


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0, -2_000_000_000.0])
def test_a_clock_that_is_set_back_and_forth(site, monkeypatch, step):
    site.ask(2)
    now = exchange.time
    monkeypatch.setattr(exchange, "time", lambda: now() + step)
    site.ask(2)
    monkeypatch.setattr(exchange, "time", now)
    site.ask(2)
    found = site.events()
    assert [event["sealtrail.seq"] for event in found] == list(range(6))
    assert all(event["event.duration"] >= 0 for event in found)
    site.is_complete()


def test_acts_that_are_larger_than_any_line_may_be(site):
    huge = {f"key {number}": "x" * 50_000 for number in range(20)}
    site.within = lambda: sealtrail.audit("report.export", details=huge, reason="r" * 1_000_000)
    site.ask(1)
    act, request, _ = site.events()  # and that of the bare application
    assert act["event.action"] == "report.export"
    assert act["sealtrail.truncated"]
    assert request["event.action"] == "http.request"
    assert max(len(line) for _, path in segments(site.folder) for line in path.read_bytes().split()) <= 65_536


def test_all_at_once_in_many_threads_while_the_disk_comes_and_goes(site, trouble):
    import threading

    def asking() -> None:
        for _ in range(20):
            _call(site.door)

    threads = [threading.Thread(target=asking) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        trouble.begin(str(site.folder), errno.EIO, "write")
        threads[0].join(0.002)
        trouble.end()
        threads[0].join(0.002)
    for thread in threads:
        thread.join()
    site.asked = 120
    site.ask(1)
    site.is_complete()
