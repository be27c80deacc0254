"""Checkpoints that were kept elsewhere, as they lie: a note, a proof, a history of them, a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sealtrail.errors import LedgerError, SealtrailError
from sealtrail.ledger.anchors import keep
from sealtrail.ledger.checkpoint import Checkpoint, history_notes


def kept(paths: Sequence[Path]) -> list[bytes]:
    """Every note in these files and folders, each once.

    Raises LedgerError (ledger.format) for a file that holds none and for a folder without files: what was
    given and is of no use must not pass for a check.
    """
    notes = [note for path in paths for file in _files(path) for note in _notes(file)]
    return list(dict.fromkeys(notes))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [
        Path(folder, name)
        for folder, _, names in os.walk(path)
        for name in sorted(names)
        if not name.startswith(".") and _is_used(Path(folder, name))
    ]
    if not found:
        raise LedgerError("ledger.format", f"{path} holds no checkpoints", hint="Is it mounted?")
    return found


def _is_used(path: Path) -> bool:
    """A disk that was full may have left a file without its first record."""
    return not path.is_symlink() and path.stat().st_size > 0


def _notes(path: Path) -> Iterator[bytes]:
    data = keep(path.read_bytes())
    # One note has no blank line behind it; in a history each has, and what a crash cut short comes last.
    notes = [note for note, _ in history_notes(data)] if not _is_note(data) else [data]
    if not notes:
        raise LedgerError("ledger.format", f"{path} is no checkpoint, and no history of them")
    for note in notes:
        try:
            Checkpoint.from_note(note)
        except SealtrailError as error:
            raise LedgerError("ledger.format", f"{path} holds what is no checkpoint: {error.what}") from None
        yield note


def _is_note(data: bytes) -> bool:
    try:
        Checkpoint.from_note(data)
    except SealtrailError:
        return False
    return True
