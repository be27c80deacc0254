"""What whoever empties a spool reads of it: whole lines, each checked, and what is no event kept apart.

The collector and `sealtrail ship` read by this, so a line is an event for both or for neither. The folder
belongs to the application and is hostile: links, pipes, lines without an end and files that shrink.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from sealtrail.errors import EventError
from sealtrail.event import Fields
from sealtrail.event.limits import MAX_LINE_BYTES
from sealtrail.event.line import check_line
from sealtrail.spool.layout import is_alive

# Read at once from one segment: a few hundred kilobytes fill a commit.
CHUNK_BYTES: Final = 512 * 1024


class Refused(NamedTuple):
    """A line that is no event: where it stood (SEGMENT@OFFSET), its bytes, and why."""

    place: str
    raw: bytes
    error: EventError


class Chunk(NamedTuple):
    """What was read of one segment: `size` bytes up to `end`; the events in them, and what is none.

    `torn` is 1 where the last of `refused` is the half line that its writer left when it died.
    """

    name: str
    size: int
    end: int
    lines: list[tuple[bytes, Fields]]
    refused: list[Refused]
    torn: int

    @property
    def start(self) -> int:
        """Where it was read from: less than was asked for where the segment has become shorter."""
        return self.end - self.size


def read_chunk(path: Path, offset: int) -> Chunk:
    """The next lines of a segment from `offset` on; from its start where it has become shorter.

    Half a line waits for its end while its writer lives. Raises OSError.
    """
    # Asked before reading: a writer that is gone now writes nothing after what we read next.
    alive = is_alive(path)
    data, size = _read_plain(path, offset)
    if size < offset:  # somebody emptied it; what is read twice is known by its identity
        offset = 0
        data, size = _read_plain(path, offset)
    more = len(data) == CHUNK_BYTES
    cut = data.rfind(b"\n") + 1
    if cut == 0 and more:
        cut = len(data)  # no line is this long: whatever it is, it goes into quarantine
    lines: list[tuple[bytes, Fields]] = []
    refused: list[Refused] = []
    at, torn = offset, 0
    for raw in data[:cut].split(b"\n"):
        if raw:
            try:
                lines.append((raw, check_line(raw)))
            except EventError as error:
                refused.append(Refused(f"{path.name}@{at}", raw[:MAX_LINE_BYTES], error))
        at += len(raw) + 1
    if cut < len(data) and not more and not alive:
        # The writer died in the middle of this line. It is kept aside, never glued to another.
        torn = 1
        why = EventError("event.torn", f"{len(data) - cut} bytes without an end of line")
        refused.append(Refused(f"{path.name}@{offset + cut}", data[cut:], why))
        cut = len(data)
    return Chunk(path.name, cut, offset + cut, lines, refused, torn)


def _read_plain(path: Path, offset: int) -> tuple[bytes, int]:
    """Up to a chunk of a plain file, and its size; nothing of what could be put there instead.

    A link must not make us read another file for the application, and a pipe must not make us wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b"", offset
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return b"", offset
        return os.pread(descriptor, CHUNK_BYTES, offset), found.st_size
    finally:
        os.close(descriptor)
