"""The spool of a container without a volume: each event is a line of standard output, told apart by its mark.

Whoever reads the other end may be slow, or gone. So nothing here waits: a line that does not fit into the
pipe is dropped, counted and told, and no signal of a broken pipe reaches the application. Other lines of the
application, its other processes' and its libraries' go the same way; `sealtrail import -` finds ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from pathlib import Path
from typing import Final

from sealtrail.spool.disk import Spool
from sealtrail.spool.durable import Inode
from sealtrail.spool.layout import MARK, STDOUT

_BEHIND: Final = "whoever reads standard output is too slow"
_NULL: Final = os.makedev(1, 3)
_NOWAIT: Final = 8  # RWF_NOWAIT, which Python names for reading alone
_SIGPIPE: Final = {signal.SIGPIPE}
_RETRY_SECONDS: Final = 1.0  # after which standard output that could not be opened is tried again


class Stream(Spool):
    """Standard output as it is when this is made, whatever the application does with its number later."""

    def __init__(self) -> None:
        self._stdout = (0, 0)
        self._waits = False
        super().__init__(Path(STDOUT))
        self.segment_bytes = self.limit_bytes = 1 << 62
        self.reserve_bytes = 0
        self._open()
        self._say()

    def bound(self, limit_bytes: int) -> None:
        """What is not kept has no bound."""

    def _write(self, head: bytes, tail: bytes, audit: bool) -> bool:
        number = self._seq
        self._seq = number + 1
        if self._room <= 0 and not self._ready(audit):
            return False
        try:
            whole = self._put(b"%b%b%d%b}\n" % (head, self._identity, number, tail))
        except BlockingIOError:
            self._tell("full", f"{_BEHIND}: events are dropped and counted")
            self.dropped += 1
            self._losses.add(_BEHIND, audit=audit)
            self._settle()
            self._trouble = True
            return False
        except BaseException as error:
            if not isinstance(error, OSError):  # of a signal's handler: a part may be written
                self._torn = True
                raise
            return self._lost(f"standard output cannot be written: {error.strerror}", audit)
        if not whole:
            return self._lost(f"{_BEHIND} for a long line", audit)
        self.written += 1
        return True

    def _put(self, line: bytes) -> bool:
        """As of any spool, without waiting. Up to PIPE_BUF bytes go as a whole or not at all."""
        data = MARK + line[1:]
        if self._torn:
            data = b"\n" + data
        if signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN:  # as Python has it
            count = self._send(data)
        else:
            count = self._send_quietly(data)
        self._room -= count
        self._torn = count != len(data)
        return not self._torn

    def _send(self, data: bytes) -> int:
        if self._waits:
            return os.pwritev(self._descriptor, [data], -1, _NOWAIT)
        return os.write(self._descriptor, data)

    def _send_quietly(self, data: bytes) -> int:
        """For applications that want to die of a broken pipe: of theirs, not of ours."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGPIPE)
        try:
            return self._send(data)
        except BrokenPipeError:
            if signal.SIGPIPE not in before:
                signal.sigtimedwait(_SIGPIPE, 0)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _look(self) -> None:
        self._retry_look = time.monotonic() + _RETRY_SECONDS
        self._keep()
        self._used = self._size = 0

    def _open(self) -> bool:
        if time.monotonic() < self._retry_open:
            return False
        self._close()
        try:
            self._descriptor, self._waits = _opened(1, self._stdout)
        except OSError as error:
            self._retry_open = time.monotonic() + _RETRY_SECONDS
            self._unopened = f"standard output cannot be written: {error.strerror}"
            self._tell("open", self._unopened)
            return False
        self._unopened = ""
        status = os.fstat(self._descriptor)
        self._stdout = self._inode = (status.st_dev, status.st_ino)
        self._path, self._kept = self._descriptor, self.written
        self._size = self._granted = self._room = 0
        self._torn = False
        return True

    def _sync(self, descriptor: int, _inode: Inode) -> bool:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        self._tell("sync", "standard output cannot be synced: what must be durable is not recorded there")
        self._say()
        return False

    def _after_fork(self) -> None:
        # A pipe has no lock to let go of, and by now the child's number 1 may be something else.
        descriptor, inode = self._descriptor, self._inode
        self._begin()
        self._descriptor, self._inode, self._path = descriptor, inode, descriptor


def _opened(number: int, known: tuple[int, int]) -> tuple[int, bool]:
    """A descriptor of our own that never waits, and whether each write has to say so. Raises OSError.

    The flag O_NONBLOCK belongs to whoever shares an open file, so the one that the application prints to must
    not have it.
    """
    status = os.fstat(number)
    if known not in {(0, 0), (status.st_dev, status.st_ino)}:
        raise OSError(0, "it is another one than at the start")
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL:
        raise OSError(0, f"it is {os.devnull}, where nobody reads")
    if stat.S_ISREG(status.st_mode):
        return os.dup(number), False  # which never waits, and goes on where the application is
    if not stat.S_ISSOCK(status.st_mode):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        with contextlib.suppress(OSError):  # whoever gave up rights may not open again what it holds
            return os.open(f"/proc/self/fd/{number}", flags), False
    return os.dup(number), True
