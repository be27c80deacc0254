"""The history of a trail's checkpoints, read and checked: form, signature, origin, growth."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.errors import SealtrailError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes, size_stated
from sealtrail.ledger.files import open_reading, read_exactly
from sealtrail.ledger.handover import Keychain
from sealtrail.ledger.layout import HISTORY
from sealtrail.ledger.merkle import HASH_BYTES
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.workers import Workers

_CHUNK: Final = 1 << 20

# Halving ends where one read sees what is left; a note, cosigned by ten witnesses, has 40,000 bytes.
_NEAR: Final = 1 << 18

# One signature takes 0.14 ms: this many are worth handing to another process.
NOTES_A_TASK: Final = 1_000

# A note has about 220 bytes: below this a process takes longer to start than it saves.
SPREAD_BYTES: Final = 2_000_000

Checked = tuple[int, bytes] | str
"""Size and root of a good checkpoint, or what is wrong with it."""


class NotesTask(msgspec.Struct, frozen=True):
    """Check these notes against these keys; where no key is known, no signatures."""

    notes: tuple[bytes, ...]
    chain: Keychain
    origin: str


def check_notes(task: NotesTask) -> list[Checked]:
    """One result a note, in order."""
    return [_check(note, task) for note in task.notes]


def _check(data: bytes, task: NotesTask) -> Checked:
    try:
        checkpoint, note = Checkpoint.from_note(data)
        if task.origin and checkpoint.origin != task.origin:
            return f"it speaks of {checkpoint.origin}, not of {task.origin}"
        if task.chain.spans:
            task.chain.check(note, checkpoint.size)
    except SealtrailError as error:
        return error.what
    return checkpoint.size, checkpoint.root


class History:
    """Sizes and roots of all checkpoints, 40 bytes each, and what is wrong with the file."""

    def __init__(self) -> None:
        self.sizes = array("Q")
        self._roots = bytearray()
        self.problems: list[tuple[int, str]] = []
        self.last = b""  # the last whole note, and the one before it
        self.before = b""
        self.torn = 0

    def __len__(self) -> int:
        return len(self.sizes)

    def root(self, number: int) -> bytes:
        """The root that checkpoint `number` of the history signs."""
        return bytes(self._roots[number * HASH_BYTES : (number + 1) * HASH_BYTES])

    def at(self, size: int) -> bytes | None:
        """The root that was signed for `size`; None when no checkpoint has this size."""
        number = bisect_left(self.sizes, size)
        return self.root(number) if number < len(self.sizes) and self.sizes[number] == size else None

    def _take(self, number: int, found: Checked) -> None:
        previous = self.sizes[-1] if self.sizes else -1
        if isinstance(found, str):
            self.problems.append((max(previous, 0), f"checkpoint {number}: {found}"))
        elif found[0] <= previous:
            self.problems.append((found[0], f"checkpoint {number} has size {found[0]} after {previous}"))
        else:
            if previous < 0 and found[0]:
                self.problems.append((0, f"the first checkpoint has size {found[0]}, not 0"))
            self.sizes.append(found[0])
            self._roots += found[1]


def note_of(folder: Path, size: int) -> bytes | None:
    """The note of the checkpoint of `size` entries; None where the history has none.

    Sizes grow from note to note, and years of them are gigabytes: so by halving, and the rest in a row.
    Nothing is verified; a history that was changed may hide a note. Raises OSError.
    """
    fd = open_reading(folder / HISTORY)
    try:
        low, high = 0, os.fstat(fd).st_size
        border = (
            b"\n\n" + read_exactly(fd, _CHUNK, 0).partition(b"\n")[0] + b"\n"
        )  # a text begins with the origin
        while high - low > _NEAR:
            middle = (low + high) // 2
            part = read_exactly(fd, _NEAR // 2, middle)
            at = part.find(border) + 2
            if at < 2 or middle + at >= high:
                break
            if size_stated(part[at : at + _NEAR // 4]) <= size:
                low = middle + at
            else:
                high = middle + at
        rest = b""
        while data := read_exactly(fd, _CHUNK, low):
            low += len(data)
            rest += data
            end = 0
            for note, behind in history_notes(rest):
                end = behind
                if size_stated(note) >= size:
                    return note if size_stated(note) == size else None
            rest = rest[end:]
            if len(rest) > 2 * MAX_NOTE_BYTES:
                break
        return None
    finally:
        os.close(fd)


def read_history(folder: Path, chain: Keychain, origin: str, workers: Workers) -> History:
    """Read `checkpoints` and check every signature in it. Raises FileNotFoundError."""
    history = History()
    path = folder / HISTORY
    tasks = (NotesTask(tuple(notes), chain, origin) for notes in _batches(path, history))
    number = 0
    for results in workers.map(check_notes, tasks, spread=path.stat().st_size > SPREAD_BYTES):
        for found in results:
            history._take(number, found)  # noqa: SLF001 - the two are one thing
            number += 1
    return history


def _batches(path: Path, history: History) -> Iterator[list[bytes]]:
    fd = open_reading(path)
    try:
        size = os.fstat(fd).st_size
        rest, offset, notes = b"", 0, list[bytes]()
        while offset < size:
            chunk = read_exactly(fd, min(_CHUNK, size - offset), offset)
            if not chunk:
                break
            offset += len(chunk)
            rest += chunk
            end = 0
            for note, behind in history_notes(rest):
                notes.append(note)
                history.before, history.last, end = history.last, note, behind
                if len(notes) == NOTES_A_TASK:
                    yield notes
                    notes = []
            rest = rest[end:]
            if len(rest) > MAX_NOTE_BYTES:
                history.problems.append((0, "a checkpoint without end"))
                break
        history.torn = len(rest)
        if notes:
            yield notes
    finally:
        os.close(fd)
