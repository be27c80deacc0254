"""Which file is this? Its content decides: the same file is the same under another name, and compressed.

A file is known by the fingerprint of its **head** (its first 1,024 bytes, or all of it where it was shorter
when it was first seen) and a **generation**, which tells files apart that begin alike. For each known file
**marks** are kept: digests of its beginning at growing lengths. A file whose content agrees with every mark
it is long enough for is the known one, grown or not; where a mark disagrees, it is another generation.

Without what is remembered a file of at least 1,024 bytes still gets the same identity, generation 0: then the
ledger itself knows what it holds already.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.collect.content import Stream
from sealtrail.follow.state import save_json

HEAD_BYTES: Final = 1024  # of a file: enough that two logs do not begin alike

_CHUNK: Final = 256 * 1024
_NAME: Final = re.compile(r"(\d{1,4})-([0-9a-f]{32})-(\d{1,6})\.json")


class Mark(msgspec.Struct, frozen=True):
    """SHA-256 of the first `length` bytes."""

    length: int
    digest: str


class Known(msgspec.Struct):
    """A file that was seen before, or is seen for the first time now."""

    head: int
    fingerprint: str
    generation: int
    marks: list[Mark] = []
    version: Literal[1] = 1

    @property
    def emitter(self) -> str:
        return f"file-{self.fingerprint}-{self.generation}"

    @property
    def file_name(self) -> str:
        return f"{self.head}-{self.fingerprint}-{self.generation}.json"


def recognise(folder: Path, open_file: Callable[[], AbstractContextManager[Stream]]) -> Known:
    """The known file this is, else a new one, remembered before anything of it is stored.

    Reads the head only, where no known file begins like it; else up to the longest mark.
    """
    with open_file() as stream:
        head = _read_up_to(stream, HEAD_BYTES)
    alike = _candidates(folder, head)
    if alike:
        with open_file() as stream:
            found = _agreeing(alike, stream)
        if found is not None:
            return found
    fingerprint = _digest(head)
    same = [
        known.generation for known in alike if (known.head, known.fingerprint) == (len(head), fingerprint)
    ]
    fresh = Known(len(head), fingerprint, max(same, default=-1) + 1)
    save_json(folder / fresh.file_name, fresh)
    return fresh


class Marker:
    """Makes the marks of a file while it is read, and remembers them."""

    def __init__(self, folder: Path, known: Known) -> None:
        self._path = folder / known.file_name
        self._known = known
        self._hash = sha256()
        self._length = 0
        self._next = HEAD_BYTES

    def feed(self, data: bytes) -> None:
        """The next bytes of the file. Remembers at every power of two, so at most some forty times."""
        view = memoryview(data)
        while self._length + len(view) >= self._next:
            part = view[: self._next - self._length]
            self._hash.update(part)
            self._length += len(part)
            view = view[len(part) :]
            self._next *= 2
            self._remember()
        self._hash.update(view)
        self._length += len(view)

    def end(self) -> None:
        """The file ends here: what comes later is growth."""
        self._remember()

    def _remember(self) -> None:
        mark = Mark(self._length, self._hash.hexdigest())
        marks = {known.length: known for known in self._known.marks}
        if mark.length == 0 or marks.get(mark.length) == mark:
            return
        marks[mark.length] = mark
        # Of the ends, only the furthest says something that the powers of two do not.
        furthest = max(marks)
        kept = [m for n, m in sorted(marks.items()) if n == furthest or _is_step(n)]
        self._known.marks = kept
        save_json(self._path, self._known)


class MarkedStream:
    """A stream that shows a Marker all that is read through it."""

    def __init__(self, stream: Stream, marker: Marker) -> None:
        self._stream = stream
        self._marker = marker

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._marker.feed(data)
        return data


def _is_step(length: int) -> bool:
    return length >= HEAD_BYTES and length & (length - 1) == 0


def _digest(head: bytes) -> str:
    return sha256(head).hexdigest()[:32]


def _candidates(folder: Path, head: bytes) -> list[Known]:
    """Known files whose head is the beginning of this one, oldest generation first."""
    digests: dict[int, str] = {}
    found: list[Known] = []
    for path in sorted(folder.glob("*.json")):
        name = _NAME.fullmatch(path.name)
        if name is None or (length := int(name[1])) > len(head):
            continue
        if digests.setdefault(length, _digest(head[:length])) != name[2]:
            continue
        try:
            known = msgspec.json.decode(path.read_bytes(), type=Known)
        except (msgspec.MsgspecError, FileNotFoundError):
            # What can be read from the name still keeps the identity; only the marks are lost.
            known = Known(length, name[2], int(name[3]))
        found.append(known)
    return sorted(found, key=lambda known: (known.head, known.generation))


def _agreeing(alike: list[Known], stream: Stream) -> Known | None:
    """The candidate that agrees with the content furthest; none, where a mark of each disagrees."""
    wanted = sorted({mark.length for known in alike for mark in known.marks})
    digests = _digests(stream, wanted)
    best: Known | None = None
    furthest = -1
    for known in alike:
        shared = [mark for mark in known.marks if mark.length in digests]
        if all(digests[mark.length] == mark.digest for mark in shared):
            reach = max((mark.length for mark in shared), default=0)
            if reach > furthest:
                best, furthest = known, reach
    return best


def _digests(stream: Stream, lengths: list[int]) -> dict[int, str]:
    running = sha256()
    at = 0
    digests: dict[int, str] = {}
    for length in lengths:
        while at < length:
            data = stream.read(min(_CHUNK, length - at))
            if not data:
                return digests
            running.update(data)
            at += len(data)
        digests[length] = running.hexdigest()
    return digests


def _read_up_to(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
