"""A trail as its anchors see it: what was signed, and the root it has at any size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sealtrail.anchor.standing import DivergedError
from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes
from sealtrail.ledger.files import open_reading, read_exactly
from sealtrail.ledger.handover import Keychain
from sealtrail.ledger.layout import HISTORY
from sealtrail.ledger.note import MAX_NOTE_BYTES, base64_text, malformed

_CHUNK: Final = 1 << 18


class Ours:
    """One trail: `note` gives its latest signed note, `root` the root at a size, `chain` who may sign it.

    All three may be called from any thread.
    """

    def __init__(
        self,
        trail: str,
        folder: Path,
        origin: str,
        chain: Callable[[], Keychain],
        note: Callable[[], bytes],
        root: Callable[[int], bytes],
    ) -> None:
        self.trail = trail
        self.origin = origin
        self.chain = chain
        self.note = note
        self.root = root
        self.history = folder / HISTORY

    def hold(self, shown: bytes, where: str) -> Checkpoint:
        """The checkpoint of a note that lies elsewhere, if it is ours and fits. Raises DivergedError."""
        try:
            told, note = Checkpoint.from_note(shown)
        except LedgerError as error:
            raise DivergedError(
                f"{where} holds what is no checkpoint: {error.what}", trail=self.trail
            ) from None
        size = Checkpoint.from_note(self.note())[0].size

        def contradicted(what: str) -> DivergedError:
            return DivergedError(
                f"{where} {what}", trail=self.trail, size=told.size, root=base64_text(told.root), shown=shown
            )

        if told.origin != self.origin:
            raise contradicted(f"holds a checkpoint of {told.origin!r}, this trail is {self.origin!r}")
        try:
            self.chain().check(note, told.size)
        except TamperedError as error:
            raise contradicted(
                f"holds a checkpoint that this trail's key did not sign: {error.what}"
            ) from None
        if told.size > size:
            raise contradicted(f"holds a checkpoint of {told.size:,} entries, and {size:,} are signed here")
        if self.root(told.size) != told.root:
            raise contradicted(f"holds another root of the first {told.size:,} entries")
        return told

    def is_signed(self, shown: bytes) -> bool:
        """Is this a note that the trail's key signed?"""
        try:
            told, note = Checkpoint.from_note(shown)
            self.chain().check(note, told.size)
        except LedgerError:
            return False
        return True


def scan(fd: int, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Each whole note of a history from `start` on, and the offset behind it.

    Last comes what lies behind the last whole note, if anything does, with offset -1. Raises LedgerError
    (ledger.format) for a note without end.
    """
    rest, offset = b"", start
    while data := read_exactly(fd, _CHUNK, offset):
        begin = offset - len(rest)
        offset += len(data)
        rest += data
        end = 0
        for note, end in history_notes(rest):
            yield note, begin + end
        rest = rest[end:]
        if len(rest) > MAX_NOTE_BYTES:
            raise malformed("a checkpoint without end")
    if rest:
        yield rest, -1


def notes_of(path: Path, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """The whole notes of a history file, as `scan` gives them."""
    fd = open_reading(path)
    try:
        for note, end in scan(fd, start):
            if end >= 0:
                yield note, end
    finally:
        os.close(fd)


def size_of(note: bytes) -> int:
    """The size a note speaks of, -1 where it says none. Its form is not judged here."""
    digits = note.split(b"\n", 2)[1:2]
    return int(digits[0]) if digits and digits[0].isdigit() and len(digits[0]) < 20 else -1
