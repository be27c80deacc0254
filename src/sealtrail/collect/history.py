"""Imports the history that is in files. Reads one file as a stream, in bounded memory, any number of times.

Each line's identity is (the file, its number): never its content, for real logs repeat lines and every one
of them happened. So importing a file again stores only what was added to it since.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, Self

import msgspec

from sealtrail.collect.content import content
from sealtrail.collect.fingerprint import MarkedStream, Marker, recognise
from sealtrail.collect.foreign import sealed_form
from sealtrail.collect.formats import AUTO, SAMPLE_LINES, detect, parser
from sealtrail.collect.lines import RawLine, lines
from sealtrail.errors import BusyError, EventError, UsageError
from sealtrail.event import Fields, Receipt
from sealtrail.event.entry import stamp
from sealtrail.event.limits import MAX_LINE_BYTES
from sealtrail.spool.rejects import RunRejects

SOURCE: Final = "import"

# One submission, one fsync: large enough that syncing costs little, small enough to move the progress bar.
BATCH_LINES: Final = 1000
BATCH_BYTES: Final = 1024 * 1024

IMPORTS_FOLDER: Final = "imports"
REJECTS_FOLDER: Final = "rejects"

_OTHER_MAGICS: Final = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_BOM: Final = b"\xef\xbb\xbf"

Line = tuple[bytes, Fields]
Submit = Callable[[str, list[Line]], Receipt]
"""(source, checked lines) to the receipt, once they are durable. Raises BusyError: nothing was taken."""


class Progress(msgspec.Struct):
    """How far an import is. `read` counts lines that are not blank; bytes are those of the file on disk."""

    done_bytes: int = 0
    total_bytes: int = 0
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0


class Imported(msgspec.Struct):
    """What an import came to. `rejects` is the file of the refused lines, "" where none was refused."""

    file: str
    format: str
    emitter: str
    read: int
    stored: int
    duplicates: int
    conflicts: int
    rejected: int
    unkept: int
    rejects: str
    others: int = 0
    """Of a stream: lines that hold no event."""

    @classmethod
    def of(
        cls,
        at: Progress,
        rejects: RunRejects,
        *,
        file: str,
        format_name: str,
        emitter: str = "",
        others: int = 0,
    ) -> Self:
        """What it came to when it had got this far."""
        return cls(
            file=file,
            format=format_name,
            emitter=emitter,
            read=at.read,
            stored=at.stored,
            duplicates=at.duplicates,
            conflicts=at.conflicts,
            rejected=at.rejected,
            unkept=rejects.unkept,
            rejects=str(rejects.path) if at.rejected else "",
            others=others,
        )


def import_file(
    path: Path,
    format_name: str,
    submit: Submit,
    *,
    state: Path,
    service: str = "",
    progress: Callable[[Progress], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Imported:
    """Read one file, plain or gzip, and submit its lines. `state` is the data folder's `state`.

    Waits while the collector's queue is full. Raises UsageError where the file cannot be read as one, and
    whatever else `submit` raises: what was submitted before is stored, and running again goes on from there.
    """
    total = _check(path)
    if format_name == AUTO:
        format_name = detect(_sample(path))
    parse = parser(format_name)
    known = recognise(state / IMPORTS_FOLDER, lambda: content(path))
    emitter = known.emitter
    at = Progress(total_bytes=total)
    batch = Batch(submit, pause, at)
    marker = Marker(state / IMPORTS_FOLDER, known)
    number, whole = 0, True
    with RunRejects(state / REJECTS_FOLDER, emitter, stamp(clock())) as rejects, content(path) as stream:
        for line in lines(MarkedStream(stream, marker)):
            number, whole = line.number + 1, line.is_ended
            if not line.data.strip():
                continue
            at.read += 1
            try:
                batch.add(_event(line, stream.damage, parse, emitter, service))
            except EventError as error:
                at.rejected += 1
                rejects.add(number, line.data, error)
            if batch.is_full:
                batch.send()
            if at.read % BATCH_LINES == 0:
                at.done_bytes = stream.position
                progress(at)
        if not stream.damage:
            marker.end()
        elif whole:
            # It broke between two lines: what is behind cannot be had from this file, and that is told too.
            at.rejected += 1
            rejects.add(number + 1, b"", EventError("event.torn", stream.damage))
        batch.send()
        at.done_bytes = stream.position
        progress(at)
    return Imported.of(at, rejects, file=str(path), format_name=format_name, emitter=emitter)


def _event(line: RawLine, damage: str, parse: Callable[[bytes], Fields], emitter: str, service: str) -> Line:
    if damage and not line.is_ended:
        raise EventError("event.torn", damage)
    if not line.is_whole:
        raise EventError(
            "event.too-long", f"the line has {line.size:,} bytes, the limit is {MAX_LINE_BYTES:,}"
        )
    data = line.data.removeprefix(_BOM) if line.number == 0 else line.data
    fields = parse(data)
    # Whatever the line says of itself: history never drives a block.
    fields["sealtrail.import"] = True
    if service:
        fields.setdefault("service.name", service)
    return sealed_form(fields, emitter, line.number)


class Batch:
    """Lines waiting to be submitted."""

    def __init__(self, submit: Submit, pause: Callable[[float], None], at: Progress) -> None:
        self._submit = submit
        self._pause = pause
        self._at = at
        self._lines: list[Line] = []
        self._size = 0

    def add(self, line: Line) -> None:
        self._lines.append(line)
        self._size += len(line[0])

    @property
    def is_full(self) -> bool:
        return len(self._lines) >= BATCH_LINES or self._size >= BATCH_BYTES

    def send(self) -> None:
        if not self._lines:
            return
        receipt = self._retry()
        self._at.stored += receipt.accepted
        self._at.duplicates += receipt.duplicates
        self._at.conflicts += receipt.conflicts
        self._lines, self._size = [], 0

    def _retry(self) -> Receipt:
        while True:
            try:
                return self._submit(SOURCE, self._lines)
            except BusyError as error:
                # A queue empties by itself; a full disk and a collector that stops do not.
                if error.code != "busy.queue":
                    raise
                self._pause(error.retry_after)


def _check(path: Path) -> int:
    """The size of a file that can be imported; UsageError says why another cannot."""
    if str(path) == "-":
        raise UsageError(
            "usage.path",
            "standard input is no file: there a line's identity is its place",
            hint="What `SEALTRAIL_SPOOL=stdout:` writes can come that way. Save anything else to a file.",
        )
    try:
        status = path.stat()
        with path.open("rb") as file:
            magic = file.read(8) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise UsageError("usage.path", f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError("usage.path", f"{path} is not a file", hint="Name the files in it one by one.")
    for start, name in _OTHER_MAGICS.items():
        if magic.startswith(start):
            raise UsageError(
                "usage.path",
                f"{path} is {name} data",
                hint="Decompress it first; only gzip is read as it is.",
            )
    return status.st_size


def _sample(path: Path) -> list[bytes]:
    with content(path) as stream:
        found = (line.data for line in lines(stream) if line.is_whole and line.data.strip())
        return list(islice(found, SAMPLE_LINES))
