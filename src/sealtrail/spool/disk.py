"""The process's own segment: one write per event, under one lock, and no thread.

The page cache outlives `kill -9`, so what `os.write` has returned is as safe as the machine. The lock spans
taking the number and writing the line, so numbers stand in the file in order, and a number that is missing
from the file is an event that was lost.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import time
import weakref
from pathlib import Path
from typing import Final

import uuid_utils

from sealtrail.spool.durable import Durable, Inode
from sealtrail.spool.layout import (
    AUDIT_RESERVE_BYTES,
    LEAST_SEGMENT_BYTES,
    SEGMENT_BYTES,
    SEGMENT_MODE,
    SPOOL_BYTES,
    make_folder,
    segment_name,
    segments,
)
from sealtrail.spool.locks import Lock
from sealtrail.spool.loss import NO_CONSTANTS, Losses

_log: Final = logging.getLogger("sealtrail")

# Between two looks at the folder this process adds at most this much, so the bound is exceeded by no more.
_LOOK_BYTES: Final = 1024 * 1024
# A folder that is full or cannot be written is tried again after this, not at every event.
_RETRY_SECONDS: Final = 1.0
# Events of signal handlers and finalisers that interrupted a write in their own thread.
_MAX_LATE: Final = 64
# Among them: what was lost is to be told once the event before it is in the file.
_TELLING: Final = (b"", b"", True)
_FULL: Final = "the spool folder is full"


class Spool:
    """One process's part of a spool folder. Nothing here raises but what the caller's own signals raise.

    `written`, `failed` (the disk refused) and `dropped` (the folder is full) count events of this process;
    `refused` counts requests that were not let in because they could not have been recorded. All of it that
    is a loss is told in the record, by an event of its own, as soon as there is room again; `constants` are
    the bytes that follow those of it.

    Where `closes`, nothing happens unrecorded: `is_ready` is asked before each request, and those that were
    under way when the folder filled up are written into the reserve.
    """

    constants = NO_CONSTANTS
    closes = False

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        limit_bytes: int = SPOOL_BYTES,
        reserve_bytes: int = AUDIT_RESERVE_BYTES,
    ) -> None:
        self.folder = folder
        self.segment_bytes = segment_bytes
        self.limit_bytes = limit_bytes
        self.reserve_bytes = reserve_bytes
        self._told: set[str] = set()
        self._unsaid: list[str] = []
        self._begin()
        _spools.add(self)

    def bound(self, limit_bytes: int) -> None:
        """What the folder may hold, of which an eighth is for acts."""
        self.limit_bytes = limit_bytes
        self.reserve_bytes = min(AUDIT_RESERVE_BYTES, limit_bytes // 8)
        # Whoever empties the folder leaves a segment that is still written to: those must not fill it.
        self.segment_bytes = min(SEGMENT_BYTES, max(LEAST_SEGMENT_BYTES, limit_bytes // 128))

    def _begin(self) -> None:
        self.emitter = uuid_utils.uuid7().hex
        self.written = 0
        self.failed = 0
        self.dropped = 0
        self.refused = 0
        self._losses = Losses()
        # Re-entrant: a signal handler or finaliser that records an event while this thread is writing one
        # must neither wait for itself nor write in the middle.
        self._lock = Lock()
        self._busy = False
        self._late: list[tuple[bytes, bytes, bool]] = []
        self._identity = b',"sealtrail.emitter":"%b","sealtrail.seq":' % self.emitter.encode()
        self._seq = 0
        self._descriptor = -1
        self._number = 0
        self._size = 0
        self._inode = (0, 0)
        self._path: int | Path = self.folder
        self._kept = 0  # written before the last look at the segment
        self._torn = False
        self._durable = Durable()
        self._granted = 0  # bytes that may be written until the next look
        self._room = 0  # what is left of them
        self._trouble = False
        self._used = 0
        self._retry_look = 0.0
        self._retry_open = 0.0
        self._retry_tell = 0.0
        self._unopened = ""  # why the last segment could not be opened

    def write(
        self,
        head: bytes,
        tail: bytes = b"",
        *,
        audit: bool = False,
        fsync: bool = False,
        certain: bool = False,
    ) -> bool:
        """Append one event and say whether it is in the file (with `fsync`: on the disk).

        Where something depends on the answer, `certain` looks first whether the file is still one of the
        folder, and never answers for a write that is still to come.

        `head` is a line up to where `sealtrail.emitter` belongs, `tail` what follows `sealtrail.seq` without
        the closing brace. An event that is not written uses up its number all the same.
        """
        with self._lock:
            if self._busy:
                if len(self._late) >= _MAX_LATE:
                    self.dropped += 1
                    self._losses.add("too many events within another one", audit=audit)
                    return False
                self._late.append((head, tail, audit))
                return not (certain or fsync)
            self._busy = True
            try:
                if certain or fsync:
                    self._settle()
                    self._retry_look = 0.0
                done = self._write(head, tail, audit)
                # Before the late ones, which may go on in a new segment.
                copy, inode = os.dup(self._descriptor) if fsync and done else -1, self._inode
                if self._late:
                    self._write_late()
                if done and copy < 0:
                    return True
            except OSError:
                return False
            finally:
                self._busy = False
        # Outside the lock: whoever listens to the log may hold a lock of its own and wait for ours.
        self._say()
        # Threads that did not ask for durability do not wait for the disk.
        return done and self._sync(copy, inode)

    def _write(self, head: bytes, tail: bytes, audit: bool) -> bool:
        number = self._seq
        self._seq = number + 1
        if self._room <= 0 and not self._ready(audit):
            return False
        line = b"%b%b%d%b}\n" % (head, self._identity, number, tail)
        if self._torn:
            # Whatever half a line stands before: it ends here, and is never glued to this one.
            line = b"\n" + line
        try:
            count = os.write(self._descriptor, line)
        except BaseException as error:
            # Nothing or a part of it may be in the file, also where a signal's handler raised.
            self._torn = True
            if not isinstance(error, OSError):
                raise
            return self._lost(f"the spool cannot be written: {error.strerror}", audit)
        self._room -= count
        if count != len(line):
            self._torn = True
            return self._lost("the spool took only part of an event: the disk is full", audit)
        self._torn = False
        self.written += 1
        return True

    def _write_late(self) -> None:
        while self._late:
            late = self._late.pop(0)
            if late is not _TELLING:
                self._write(*late)
            elif self._losses and not self._torn:
                self._tell_losses()

    def _lost(self, message: str, audit: bool) -> bool:
        self._tell("write", message)
        self.failed += 1
        self._losses.add(message, audit=audit)
        self._settle()
        self._trouble = True
        return False

    def _tell_losses(self) -> bool:
        """Put into the record what was lost; False where that cannot be written either."""
        self._retry_tell = time.monotonic() + _RETRY_SECONDS
        line = b"%b%b%d}\n" % (self._losses.line(self.constants), self._identity, self._seq)
        try:
            whole = self._put(line)
        except OSError:
            # Nothing of it is in the file, so its number is free: asking again and again loses nothing.
            self._settle()
            self._trouble = True
            return False
        self._seq += 1
        if not whole:
            return self._lost("the spool took only part of an event: the disk is full", audit=True)
        self.written += 1
        self._losses = Losses()
        return True

    def _put(self, line: bytes) -> bool:
        """Write a line; False where only a part of it is in the file. Raises OSError where nothing is."""
        if self._torn:
            line = b"\n" + line
        count = os.write(self._descriptor, line)
        self._room -= count
        self._torn = count != len(line)
        return not self._torn

    def _settle(self) -> None:
        """Count what was written into the segment; the next event asks for room."""
        count = self._granted - self._room
        self._size += count
        self._used += count
        self._granted = self._room = 0

    def is_ready(self) -> bool:
        """Whether an event that nobody asks for would be written now. For who does nothing unrecorded.

        After trouble it is found out once a second, by writing what is to be told of it.
        """
        if self._room > 0:
            return True
        with self._lock:
            if self._busy:
                return True  # within a write of this very thread, which finds it out
            self._busy = True
            try:
                ready = self._probe()
                self._write_late()
            except OSError:
                ready = False
            finally:
                self._busy = False
            if not ready:
                self.refused += 1
                why = _FULL if self._is_full() else self._unopened or "the spool cannot be written"
                self._losses.refuse(why)
        self._say()
        return ready

    def _probe(self) -> bool:
        if self._trouble and time.monotonic() < self._retry_tell:
            return False
        self._retry_tell = time.monotonic() + _RETRY_SECONDS
        if self._missing(reserve=False):
            return False
        # Only a write says whether the disk takes one.
        return not self._losses or (self._tell_losses() and not self._missing(reserve=False))

    def _ready(self, audit: bool) -> bool:
        """True with room in the folder and an open segment; counts the event where it is not so.

        Asked now and then, and for each event for as long as something is wrong: then with a look at the
        folder once a second.
        """
        missing = self._missing(reserve=audit or self.closes)
        if not missing:
            return True
        if missing == _FULL:
            self.dropped += 1
        else:
            self.failed += 1
        self._losses.add(missing, audit=audit)
        return False

    def _is_full(self, *, reserve: bool = False) -> bool:
        return self._used >= self.limit_bytes - (0 if reserve else self.reserve_bytes)

    def _missing(self, *, reserve: bool) -> str:
        """Have room and an open segment, or say what is missing. `reserve`: also the part for acts."""
        self._settle()
        if not self._trouble or time.monotonic() >= self._retry_look:
            self._look()
        if self._is_full(reserve=reserve):
            self._tell("full", f"{_FULL}: events are dropped and counted")
            if not self._trouble:
                # An open segment stays however much of it is read: with many writers nothing would come free.
                self._close()
            self._trouble = True
            return _FULL
        self._trouble = True
        if (self._descriptor < 0 or self._size >= self.segment_bytes) and not self._open():
            return self._unopened
        # Within the reserve it is asked for each event which kind it is.
        if not self._is_full():
            if not self._losses:
                self._trouble = False
                spare = self.limit_bytes - self.reserve_bytes - self._used
                self._granted = self._room = max(1, min(_LOOK_BYTES, self.segment_bytes - self._size, spare))
            elif time.monotonic() >= self._retry_tell:
                self._late.append(_TELLING)
        return ""

    def _look(self) -> None:
        """Measure the folder, and see that the open segment is still a file of the folder."""
        self._retry_look = time.monotonic() + _RETRY_SECONDS
        self._keep()
        used = 0
        with contextlib.suppress(OSError):
            for _, path in segments(self.folder):
                with contextlib.suppress(OSError):
                    used += path.stat().st_size
        self._used = used

    def check(self) -> None:
        """See that events still go where somebody finds them. For who is there a few times a second.

        What was written elsewhere since the last time is counted as lost: it may be, and nobody can say.
        """
        if self._descriptor < 0:
            return
        with self._lock:
            if not self._busy:
                self._keep()
        self._say()

    def _keep(self) -> None:
        if self._descriptor < 0:
            return
        gone, found = "", _inode(self._descriptor)
        if self._inode != found:
            # The application closed all descriptors, and this number may be a client's socket by now.
            self._descriptor = -1
            gone = "the application closed the segment under us" if found != (0, 0) else ""
        elif self._inode != _inode(self._path):
            gone = "the segment was removed while it was written to"
        elif self._inode != self._durable.refused:
            self._kept = self.written
            return
        self._settle()
        self._close()
        if gone:
            self._tell("gone", gone)
            lost = self.written - self._kept
            self.written -= lost
            self.failed += lost
            self._losses.add(gone, audit=False, count=lost)

    def _open(self) -> bool:
        """Go on in a new segment.

        The file gets its name only once it is locked: a collector that meets a segment with a free lock may
        delete it.
        """
        if time.monotonic() < self._retry_open:
            return False
        self._close()
        path = self.folder / segment_name(self.emitter, self._number)
        staged = path.with_name(f".{path.name}")
        self._number += 1
        descriptor = -1
        try:
            make_folder(self.folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(staged, flags, SEGMENT_MODE)
            os.fchmod(descriptor, SEGMENT_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            staged.rename(path)
            status = os.fstat(descriptor)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            with contextlib.suppress(OSError):
                staged.unlink()
            self._retry_open = time.monotonic() + _RETRY_SECONDS
            self._unopened = f"no segment can be opened in the spool folder: {error.strerror}"
            self._tell("open", f"{self._unopened} ({self.folder})")
            return False
        self._descriptor = descriptor
        self._unopened = ""
        self._path, self._kept = path, self.written
        self._inode = (status.st_dev, status.st_ino)
        self._size = self._granted = self._room = 0
        self._torn = False
        self._look()
        return True

    def _close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _sync(self, descriptor: int, inode: Inode) -> bool:
        """Have the disk keep what was written. The descriptor is our own, and is closed."""
        done = False
        try:
            done = self._durable.sync(descriptor, inode, self.folder)
        except OSError as error:
            self._tell("sync", f"the disk refused to sync the spool: {error.strerror}")
            with self._lock:
                self._settle()
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._say()
        return done

    def _tell(self, what: str, message: str) -> None:
        """Have it said once to the application's log: a full disk must not fill the log as well."""
        if what not in self._told:
            self._told.add(what)
            self._unsaid.append(message)

    def _say(self) -> None:
        """Say it, with no lock held."""
        while self._unsaid:
            with contextlib.suppress(Exception):  # a handler is the application's code
                _log.warning("%s", self._unsaid.pop(0))

    def close(self) -> None:
        """Let go of the segment, so that a collector may take all of it. A later write opens the next."""
        with self._lock:
            # Late events are still there where a signal's exception left a write, and none came after it.
            if (self._losses or self._late) and not self._busy:
                self._busy = True
                try:
                    self._retry_look = self._retry_open = 0.0
                    if self._losses and not self._missing(reserve=True):
                        self._tell_losses()
                    self._write_late()
                except OSError:
                    pass
                finally:
                    self._busy = False
            self._settle()
            self._close()

    def _after_fork(self) -> None:
        # The child's copy of the descriptor would keep the parent's lock alive after the parent's death.
        self._close()
        self._begin()


def _inode(of: int | Path) -> Inode:
    try:
        status = os.stat(of)  # noqa: PTH116 - also of a descriptor
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    uuid_utils.reseed_rng()
    for spool in list(_spools):
        spool._after_fork()  # noqa: SLF001 - the hook belongs to the class, and cannot be a method


def _at_exit() -> None:
    """A hole at the end of the numbers is seen by nobody: what was lost is told before they end."""
    for spool in list(_spools):
        spool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
