"""C2SP checkpoints: the signed statement that a log of this origin had this size and this root. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from sealtrail.ledger.merkle import HASH_BYTES
from sealtrail.ledger.note import Note, base64_bytes, base64_text, check_name, malformed

# Sizes are printed into JSON and stored in signed 64-bit columns.
MAX_SIZE: Final = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True):
    """Origin, size and root. `text` is what is signed."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """ORIGIN, SIZE and BASE64(root), a line each."""
        return f"{self.origin}\n{self.size}\n{base64_text(self.root)}\n".encode()

    @classmethod
    def from_text(cls, text: bytes) -> Checkpoint:
        """Parse the text of a note. Extension lines are refused: what they mean would go unchecked."""
        lines = text.decode().split("\n")
        if len(lines) != 4 or lines[3]:
            raise malformed("a checkpoint has three lines: origin, size, root")
        origin, digits, encoded = lines[:3]
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and str(int(digits)) == digits):
            raise malformed(f"not a size: {digits[:60]!r}")
        size, root = int(digits), base64_bytes(encoded)
        if size > MAX_SIZE or len(root) != HASH_BYTES:
            raise malformed("the checkpoint's size or root is out of range")
        return cls(check_name(origin), size, root)

    @classmethod
    def from_note(cls, data: bytes) -> tuple[Checkpoint, Note]:
        """The checkpoint a signed note states, and the note. Nothing is verified yet."""
        note = Note.from_bytes(data)
        return cls.from_text(note.text), note


def history_record(note: bytes) -> bytes:
    """A note as it stands in the history file: followed by a blank line.

    The text of a checkpoint and the block of its signatures hold no blank line, so blank lines alternate
    between the two kinds of border, and the file reads in one way only.
    """
    return note + b"\n"


def size_stated(note: bytes) -> int:
    """The size that a note, or the beginning of one, speaks of; 0 where none. Its form is not judged."""
    digits = note.split(b"\n", 2)[1:2]
    return int(digits[0]) if digits and digits[0].isdigit() and len(digits[0]) < 20 else 0


def history_notes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Each whole note in `data` and the offset behind its record. Bytes after the last offset are torn."""
    start = 0
    while True:
        middle = data.find(b"\n\n", start)
        end = data.find(b"\n\n", middle + 2) if middle >= 0 else -1
        if end < 0:
            return
        yield data[start : end + 1], end + 2
        start = end + 2
