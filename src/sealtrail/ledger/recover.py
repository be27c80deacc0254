"""What a writer finds when it opens a trail, after a clean end or after a crash at any moment.

A crash may leave, and recovery removes or completes:

 - temporary files, and volume files that `sealed` does not list            -> removed; made again later
 - an active file whose volume is sealed                                    -> removed
 - a history whose last note is torn                                        -> cut behind the last whole note
 - a history one note ahead of `checkpoint`                                 -> `checkpoint` is replaced
 - a hand-over whose checkpoint is not in the history yet                   -> the log publishes it
 - a tail of the active file that is not a row of whole frames              -> cut off and kept aside

Everything else that does not fit is not a crash. In particular nothing below the size of the last signed
checkpoint is ever repaired: that would be rewriting what was signed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes
from sealtrail.ledger.files import Disk, open_reading, read_exactly, read_file, replace, write_all
from sealtrail.ledger.handover import MAX_HANDOVER_BYTES, Handover, Keychain, handovers_in
from sealtrail.ledger.layout import (
    CHECKPOINT,
    FRAME_ENTRIES,
    HANDOVERS,
    HISTORY,
    MAX_SEALED_BYTES,
    PRUNED,
    SEALED,
    TEMPORARY,
    SealedLine,
    active_name,
    pruned_end,
    sealed_lines,
    split_records,
    torn_name,
    volume_level,
    volume_name,
)
from sealtrail.ledger.merkle import CompactRange, leaf_hashes
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.volume import VolumeFile, whole_frames

# The two last notes of the history are in here, cosignatures and all.
_HISTORY_TAIL: Final = 2 * MAX_NOTE_BYTES


class Cut(msgspec.Struct, frozen=True):
    """Bytes that were cut off at `index` and kept in `file`: nobody was told that they are safe."""

    index: int
    bytes: int
    file: str


class State(NamedTuple):
    """Where the writer goes on."""

    whole: CompactRange  # full volumes
    part: CompactRange  # the volume being filled
    full: dict[int, bytes]  # roots of full volumes that are not sealed yet
    sealed: list[SealedLine]
    published: Checkpoint
    note: bytes
    cuts: tuple[Cut, ...]
    last: bytes  # the last entry; empty when there is none


def joined(whole: CompactRange, part: CompactRange) -> CompactRange:
    """Full volumes and the one being filled as one range."""
    both = whole.copy()
    for level, peak in part.peaks():
        both.extend([peak], level)
    return both


def floor_of(folder: Path) -> int:
    """First index that pruning left. Raises LedgerError (ledger.format)."""
    try:
        return pruned_end(read_file(folder / PRUNED, 64))
    except FileNotFoundError:
        return 0


def active_volumes(folder: Path) -> list[int]:
    """Numbers of the active files in a trail folder, in order."""
    numbers = [path.name.removeprefix("active-") for path in folder.glob("active-*")]
    return sorted(
        int(n) for n in numbers if n.isascii() and n.isdigit() and active_name(int(n)) == f"active-{n}"
    )


def handovers_of(folder: Path) -> list[Handover]:
    """The hand-overs of a trail to new keys, oldest first. Raises LedgerError as `handovers_in` does."""
    try:
        return handovers_in(read_file(folder / HANDOVERS, MAX_HANDOVER_BYTES))
    except FileNotFoundError:
        return []


def recover(folder: Path, trail: str, chain: Keychain, entries: int, disk: Disk) -> State:
    """Read a trail folder to its end and repair what a crash can leave. Raises TamperedError, OSError."""
    try:
        sealed = sealed_lines(read_file(folder / SEALED, MAX_SEALED_BYTES))
        published, note, torn_history = _signed(folder, chain)
        _check_volumes(folder, sealed, entries)
        reading = _Reading(trail, folder, sealed, entries, published)
        reading.run()
    except FileNotFoundError as error:
        raise TamperedError(f"{error.filename} is missing", trail=trail) from None
    except TamperedError as error:
        error.trail = trail
        raise
    except LedgerError as error:
        raise TamperedError(f"{folder}: {error.what}", trail=trail) from None
    # Only now, with everything signed found in its place, is the folder touched.
    cuts = tuple(_cut(folder, place, disk) for place in reading.torn)
    _settle_history(folder, note, torn_history, disk)
    _remove_leftovers(folder, sealed, disk)
    for volume in reading.read:
        # Frames that survived a killed process may be in the page cache only; from here on they count.
        fd = disk.create(folder / active_name(volume))
        try:
            disk.datasync(fd)
        finally:
            disk.close(fd)
    disk.sync_folder(folder)
    return State(reading.whole, reading.part, reading.full, sealed, published, note, cuts, reading.last)


def _signed(folder: Path, chain: Keychain) -> tuple[Checkpoint, bytes, int]:
    """The last checkpoint of the history, its note, and where the history is torn (-1: it is not)."""
    current = read_file(folder / CHECKPOINT, MAX_NOTE_BYTES)
    fd = open_reading(folder / HISTORY)
    try:
        size = os.fstat(fd).st_size
        base = max(0, size - _HISTORY_TAIL)
        tail = read_exactly(fd, size - base, base)
    finally:
        os.close(fd)
    if base:  # begin with a whole note: a text begins with the origin, a signature never does
        skip = tail.find(f"\n\n{chain.name}\n".encode()) + 2
        base, tail = base + skip, tail[skip:]
    notes = list(history_notes(tail))
    if not notes:
        raise TamperedError(f"{HISTORY} holds no checkpoint")
    last, end = notes[-1]
    before = notes[-2][0] if len(notes) > 1 else b""
    torn = base + end if end < len(tail) else -1
    if last != current and (before != current or torn >= 0):
        raise TamperedError(f"{CHECKPOINT} is not the last checkpoint of {HISTORY}")
    checkpoint, note = Checkpoint.from_note(last)
    chain.check(note, checkpoint.size)
    if checkpoint.origin != chain.name:
        raise TamperedError(f"{HISTORY} speaks of {checkpoint.origin}, the key of {chain.name}")
    return checkpoint, last, torn


def _check_volumes(folder: Path, sealed: list[SealedLine], entries: int) -> None:
    floor = floor_of(folder)
    for line in sealed:
        kept = line.volume * entries >= floor
        if kept and (folder / volume_name(line.volume)).stat().st_size != line.size:
            raise TamperedError(
                f"{volume_name(line.volume)} has another size than {SEALED} says", index=line.volume * entries
            )


class _Torn(msgspec.Struct, frozen=True):
    volume: int
    index: int
    offset: int


class _Reading:
    """Reads the active files in order and checks the root that was signed on the way."""

    def __init__(
        self, trail: str, folder: Path, sealed: list[SealedLine], entries: int, published: Checkpoint
    ) -> None:
        self._trail, self._folder, self._entries, self._published = trail, folder, entries, published
        self._level = volume_level(entries)
        self._sealed = sealed
        self.whole, self.part = CompactRange(), CompactRange()
        self.whole.extend([line.root for line in sealed], self._level)
        self.full: dict[int, bytes] = {}
        self.torn: list[_Torn] = []
        self.read: list[int] = []
        self.last = b""

    @property
    def size(self) -> int:
        return self.whole.size + self.part.size

    def run(self) -> None:
        if self.size > self._published.size:
            raise TamperedError(f"{SEALED} lists more than was ever signed", index=self._published.size)
        self._compare(self.whole, self.part)
        for volume in active_volumes(self._folder):
            path = self._folder / active_name(volume)
            if volume < len(self._sealed):
                continue
            if volume * self._entries == self.size:
                self._read(path, volume)
            elif path.stat().st_size:  # a hole lies before it, so nothing in it was ever acknowledged
                self.torn.append(_Torn(volume, volume * self._entries, 0))
        if self.size < self._published.size:
            raise TamperedError(
                f"{self._published.size:,} entries were signed, and only the first {self.size:,} can be read",
                trail=self._trail,
                index=self.size,
                hint="`sealtrail verify` names the place. Put the folder back from a copy, delete nothing: "
                "what is there is evidence.",
            )
        if not self.last and self._sealed:
            self.last = _last_entry(self._folder, self._sealed[-1].volume, self._entries)

    def _read(self, path: Path, volume: int) -> None:
        fd = open_reading(path)
        try:
            offset = 0
            for _, behind, found in whole_frames(fd, self.size, (volume + 1) * self._entries):
                self._take(found)
                offset = behind
            if offset < os.fstat(fd).st_size:
                self.torn.append(_Torn(volume, self.size, offset))
        finally:
            os.close(fd)
        self.read.append(volume)
        if self.part.size == self._entries:
            self.full[volume] = self.part.root()
            self.whole.extend([self.full[volume]], self._level)
            self.part = CompactRange()

    def _take(self, found: list[bytes]) -> None:
        hashes = leaf_hashes(found)
        ahead = self._published.size - self.size
        if 0 < ahead <= len(hashes):
            probe = self.part.copy()
            probe.extend(hashes[:ahead])
            self._compare(self.whole, probe)
        self.part.extend(hashes)
        self.last = found[-1]

    def _compare(self, whole: CompactRange, part: CompactRange) -> None:
        both = joined(whole, part)
        if both.size == self._published.size and both.root() != self._published.root:
            raise TamperedError(
                f"the first {both.size} entries are not the ones that were signed",
                trail=self._trail,
                hint="Run `sealtrail verify` to find the place.",
            )


def _last_entry(folder: Path, volume: int, entries: int) -> bytes:
    with VolumeFile(folder / volume_name(volume)) as file:
        return split_records(file.unpack((entries - 1) // FRAME_ENTRIES))[-1]


def _cut(folder: Path, torn: _Torn, disk: Disk) -> Cut:
    """Keep the tail of an active file aside, then cut it off: in this order a crash loses nothing."""
    path = folder / active_name(torn.volume)
    source = open_reading(path)
    try:
        size = os.fstat(source).st_size - torn.offset
        name, number = torn_name(torn.index), 0
        while (folder / name).exists():
            number += 1
            name = f"{torn_name(torn.index)}-{number}"
        temporary = folder / (name + TEMPORARY)
        out = disk.create(temporary, fresh=True)
        try:
            for offset in range(torn.offset, torn.offset + size, 1 << 20):
                write_all(disk, out, read_exactly(source, 1 << 20, offset))
            disk.datasync(out)
        finally:
            disk.close(out)
        disk.rename(temporary, folder / name)
        disk.sync_folder(folder)
    finally:
        os.close(source)
    fd = disk.create(path)
    try:
        disk.truncate(fd, torn.offset)
        disk.datasync(fd)
    finally:
        disk.close(fd)
    return Cut(torn.index, size, name)


def _settle_history(folder: Path, note: bytes, torn: int, disk: Disk) -> None:
    fd = disk.create(folder / HISTORY)
    try:
        if torn >= 0:
            disk.truncate(fd, torn)
        disk.datasync(fd)
    finally:
        disk.close(fd)
    if read_file(folder / CHECKPOINT, MAX_NOTE_BYTES) != note:
        replace(disk, folder / CHECKPOINT, note)


def _remove_leftovers(folder: Path, sealed: list[SealedLine], disk: Disk) -> None:
    listed = {line.volume for line in sealed}
    stale = {active_name(volume) for volume in listed}
    for path in folder.iterdir():
        if path.name in stale or path.name.endswith(TEMPORARY):
            disk.unlink(path)
        elif path.name.startswith("volume-"):
            number = path.name[7:].partition(".")[0]
            if number.isdigit() and int(number) not in listed:
                disk.unlink(path)
