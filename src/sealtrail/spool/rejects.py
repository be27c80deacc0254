"""The quarantine of whoever empties a spool: a refused line is kept aside with the reason, scrubbed, bounded.

NDJSON files in one folder, for the collector `state/rejects/`: one a day and source, and one for each
imported file. A record is `{"time", "source", "place", "path", "code", "error", "text"}`.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from sealtrail import scrub
from sealtrail.errors import BusyError, EventError
from sealtrail.event.codec import encode
from sealtrail.event.entry import stamp
from sealtrail.event.limits import MAX_LINE_BYTES

TOTAL_BYTES: Final = 64 * 1024 * 1024  # of all rejects together: the oldest file goes first, counted

# One source may not push out the others' rejects: of one day it keeps at most this, then only counts.
FILE_BYTES: Final = TOTAL_BYTES // 8

# Of a refused line: enough to recognise it. The reason says where it is wrong.
TEXT_BYTES: Final = 2048

# A producer that is told to wait sends the same lines again: these many are remembered.
_REMEMBERED: Final = 4096

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


def scrubbed_text(raw: bytes, limit: int) -> str:
    """The beginning of bytes that are no event, for people to look at: scrubbed, `limit` characters."""
    if raw[:1] == b"{" and len(raw) <= MAX_LINE_BYTES:
        # As an object more of it can be told apart than as text: names may be escaped.
        try:
            value, _ = scrub.details(msgspec.json.decode(raw), "text")
            return encode(value).decode()[:limit]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    text, _ = scrub.text(raw[: 2 * limit].decode(errors="backslashreplace"), "text")
    return text[:limit]


def record(time: str, source: str, place: str, raw: bytes, error: EventError) -> bytes:
    """One line of the quarantine, with its line end."""
    reason = error.what if not error.hint else f"{error.what}. {error.hint}"
    entry = {
        "time": time,
        "source": source,
        "place": place,
        "path": error.path,
        "code": error.code,
        "error": scrubbed_text(reason.encode(), TEXT_BYTES),
        "text": scrubbed_text(raw, TEXT_BYTES),
    }
    return encode(entry) + b"\n"


class Rejects:
    """The quarantine of a running collector or shipper. Safe between threads."""

    def __init__(
        self,
        folder: Path,
        *,
        total_bytes: int = TOTAL_BYTES,
        file_bytes: int = FILE_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self._total_bytes = total_bytes
        self._file_bytes = file_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._held = 0
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._dirty: set[str] = set()
        self.counts: dict[str, int] = {}
        """Refused lines since the start, by code."""
        self.unkept = 0
        """Of these, those that were only counted, because their source's file was full."""
        self.dropped_files = 0
        """Files that were removed to stay within the bound."""

    def add(self, source: str, place: str, raw: bytes, error: EventError) -> None:
        """Keep a refused line. `place` says where it stood, such as `SEGMENT@OFFSET` or `line 3`.

        The same line at the same place is kept once. Raises BusyError where the disk refuses: the line is
        then nowhere, so whoever holds it keeps it and comes again.
        """
        key = blake2b(b"\0".join((source.encode(), place.encode(), raw)), digest_size=16).digest()
        with self._lock:
            if key in self._recent:
                return
            moment = stamp(self._clock())
            self._write(f"{moment[:10]}.{_safe(source)}.ndjson", record(moment, source, place, raw, error))
            self.counts[error.code] = self.counts.get(error.code, 0) + 1
            self._recent[key] = None
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    def conflict(self, source: str, emitter: str, seq: int, line: bytes) -> None:
        """Keep a line whose identity stands in the ledger already, with other bytes.

        Called by the writer's own thread, which a full quarantine must not stop: what the disk refuses is
        counted as not kept.
        """
        error = EventError("event.conflict", f"{emitter}/{seq} was stored before with other bytes")
        try:
            self.add(source, f"{emitter}/{seq}", line, error)
        except BusyError:
            self.unkept += 1

    def sync(self) -> None:
        """Make what was kept durable: before the only other copy of it is removed."""
        with self._lock:
            try:
                for name in self._dirty:
                    _sync(self.folder / name)
                if self._dirty:
                    _sync(self.folder)
            except OSError as error:
                raise _refused(error) from error
            self._dirty.clear()

    def _write(self, name: str, data: bytes) -> None:
        try:
            if not self._sizes:
                self._look()
            size = self._sizes.get(name, 0)
            if size + len(data) > self._file_bytes:
                self.unkept += 1
                return
            _append(self.folder / name, data)
        except OSError as error:
            raise _refused(error) from error
        self._sizes[name] = size + len(data)
        self._held += len(data)
        self._dirty.add(name)
        if self._held > self._total_bytes:
            self._drop(name)

    def _look(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = [path for path in self.folder.iterdir() if path.suffix == ".ndjson"]
        self._sizes = {path.name: path.stat().st_size for path in found}
        self._held = sum(self._sizes.values())

    def _drop(self, current: str) -> None:
        """Remove the oldest files until the rest fits, and say so in the file being written."""
        self._look()  # imports write here as well
        ages = {name: (self.folder / name).stat().st_mtime_ns for name in self._sizes if name != current}
        gone: list[str] = []
        for name in sorted(ages, key=lambda name: (ages[name], name)):
            if self._held <= self._total_bytes:
                break
            (self.folder / name).unlink(missing_ok=True)
            self._held -= self._sizes.pop(name)
            self._dirty.discard(name)
            gone.append(name)
        self.dropped_files += len(gone)
        if gone:
            note = {"time": stamp(self._clock()), "dropped": gone, "why": "the quarantine was full"}
            data = encode(note) + b"\n"
            _append(self.folder / current, data)
            self._sizes[current] += len(data)
            self._held += len(data)


class RunRejects:
    """The refused lines of one import. A second import of the same file replaces them: nothing doubles.

    Written beside its place and renamed when the run ends, so that a run that is interrupted leaves the
    complete record of the one before.
    """

    def __init__(self, folder: Path, emitter: str, time: str, *, file_bytes: int = FILE_BYTES) -> None:
        self.path = folder / f"import.{_safe(emitter)}.ndjson"
        self._temporary = folder / f".{self.path.name}.{os.getpid()}.tmp"
        self._time = time
        self._room = file_bytes
        self._pending: list[bytes] = []
        self._size = 0
        self.count = 0
        """Refused lines."""
        self.unkept = 0
        """Of these, those beyond the bound: they are in the imported file and nowhere else."""

    def add(self, line: int, raw: bytes, error: EventError) -> None:
        """Keep one refused line; `line` counts from 1, as editors do."""
        self.count += 1
        data = record(self._time, "import", f"line {line}", raw, error)
        if len(data) > self._room:
            self.unkept += 1
            return
        self._room -= len(data)
        self._pending.append(data)
        self._size += len(data)
        if self._size > 1024 * 1024:
            self._flush()

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count == 0:
            self._temporary.unlink(missing_ok=True)
            if kind is None:
                self.path.unlink(missing_ok=True)
            return
        self._flush()
        if kind is None or not self.path.exists():
            _sync(self._temporary)
            self._temporary.replace(self.path)
            _sync(self.path.parent)
        else:
            self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        _append(self._temporary, b"".join(self._pending))
        self._pending, self._size = [], 0


def _append(path: Path, data: bytes) -> None:
    """Append whole records. What a full disk or a crash leaves of one is never glued to the next."""
    descriptor = os.open(
        path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o600
    )
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(error: OSError) -> BusyError:
    return BusyError(
        "busy.disk",
        f"a refused line cannot be kept aside: {error}",
        retry_after=30,
        hint="Free space, or give the folder back to the user the collector runs as.",
    )


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)[:80] or "_"
