"""The cosignatures a trail was given: the latest of its notes that its witnesses signed as well.

They have a file of their own. `checkpoint` and its history are the writer's, byte for byte the same, and are
never waited with; cosignatures come later or not at all, from threads that talk to strangers. A crash leaves
the old `witnessed` or the new one, and without it nothing is lost but what the witnesses are asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk, read_file, refusals, replace
from sealtrail.ledger.layout import WITNESSED
from sealtrail.ledger.note import MAX_NOTE_BYTES, Note, Signature


def read_witnessed(folder: Path) -> bytes:
    """The note in a trail's folder; empty where there is none."""
    try:
        return read_file(folder / WITNESSED, MAX_NOTE_BYTES)
    except FileNotFoundError:
        return b""


def keep_witnessed(folder: Path, note: Note, disk: Disk | None = None) -> None:
    """Replace the note in a trail's folder, durably. Raises LedgerError (ledger.io)."""
    with refusals(folder):
        replace(disk or Disk(), folder / WITNESSED, note.data)


def with_lines(note: Note, lines: Iterable[Signature]) -> Note:
    """A note and what witnesses put under it, each once, in an order that is not that of their answers."""
    more = {(line.name, line.key_id): line for line in lines}
    for line in note.signatures:
        more.pop((line.name, line.key_id), None)
    return Note(note.text, (*note.signatures, *(more[name] for name in sorted(more))))


def merged(note: bytes, witnessed: bytes) -> bytes:
    """The latest note with its cosignatures, where `witnessed` is that note with more lines under it."""
    return witnessed if len(witnessed) > len(note) and witnessed.startswith(note) else note


def witnessed_size(data: bytes) -> int:
    """Entries under a witnessed note; 0 where it is none."""
    try:
        return Checkpoint.from_note(data)[0].size if data else 0
    except (LedgerError, UnicodeDecodeError):
        return 0
