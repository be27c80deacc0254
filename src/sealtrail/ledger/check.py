"""Verification of one volume by itself: the part that is done in parallel.

A worker reads one sealed volume or one active file, hashes every entry, and hands back what the argument in
`verify` needs: the root, the covering subtrees at the sizes somebody signed, and the entries that speak of
other trails. It never holds more than one block of entries.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from sealtrail.errors import LedgerError
from sealtrail.ledger.files import open_reading, read_file
from sealtrail.ledger.heads import (
    DISPOSAL_BYTES,
    HEAD_BYTES,
    LINK_BYTES,
    PRUNE_BYTES,
    Disposal,
    Head,
    Link,
    Prune,
    disposal_in,
    head_in,
    link_in,
    prune_in,
)
from sealtrail.ledger.layout import (
    FRAME_ENTRIES,
    HEADER_BYTES,
    MARK_BYTES,
    SEALED,
    TILE_LEVELS,
    TILE_WIDTH,
    SealedLine,
    active_name,
    split_records,
    tile_name,
    volume_name,
)
from sealtrail.ledger.merkle import HASH_BYTES, CompactRange, climb, leaf_hashes, root_of
from sealtrail.ledger.volume import VolumeFile, frame_at, tile_hashes

Peaks = list[tuple[int, bytes]]


class Task(msgspec.Struct, frozen=True):
    """Check one volume of the trail in `folder`; `line` is what `sealed` says, None for an active file."""

    folder: Path
    volume: int
    entries: int
    line: SealedLine | None
    sizes: tuple[int, ...] = ()  # sizes of the trail, within this volume, at which peaks are wanted
    pruned: bool = False


class Found(msgspec.Struct):
    """What a worker found. Problems are (index, what, file); `file` is empty for an entry."""

    volume: int
    count: int = 0
    root: bytes = b""
    peaks: dict[int, Peaks] = {}
    tail: Peaks = []  # peaks at the end of an active file
    heads: list[Head] = []
    prunes: list[Prune] = []
    disposals: list[Disposal] = []
    link: Link | None = None  # of the first entry of the trail
    problems: list[tuple[int, str, str]] = []
    torn: int = 0


def check(task: Task) -> Found:
    """Check one volume. Raises FileNotFoundError for an active file that is not there (any more)."""
    if task.line is None:
        return _Active(task).run()
    return _pruned(task, task.line) if task.pruned else _sealed(task, task.line)


class _Scan:
    """Hashes entries in order and keeps what the argument needs of them."""

    def __init__(self, task: Task) -> None:
        self.base = task.volume * task.entries
        self.part = CompactRange()
        self.found = Found(task.volume)
        self._sizes = [size for size in sorted(set(task.sizes)) if size > self.base]

    @property
    def next(self) -> int:
        return self.base + self.part.size

    def take(self, entries: Sequence[bytes], raw: bytes) -> list[bytes]:
        """Count entries in; their leaf hashes are given back. `raw` holds the bytes of all of them."""
        self._look(entries, raw)
        hashes = leaf_hashes(entries)
        self.extend(hashes)
        return hashes

    def take_bundles(self, entries: Sequence[bytes], raw: bytes) -> list[bytes]:
        """As `take`, of whole bundles from the border of one: the hash of each bundle is given back."""
        self._look(entries, raw)
        hashes = leaf_hashes(entries)
        bundles = climb(hashes, TILE_LEVELS)
        if self._sizes and self._sizes[0] < self.next + len(hashes):
            self.extend(hashes)
        else:  # nobody asks about a place within: no node is hashed twice
            self.extend(bundles, TILE_LEVELS)
        return bundles

    def _look(self, entries: Sequence[bytes], raw: bytes) -> None:
        first = self.next
        if HEAD_BYTES in raw:
            heads = (head_in(first + at, entry) for at, entry in enumerate(entries))
            self.found.heads += [head for head in heads if head is not None]
        if PRUNE_BYTES in raw:
            prunes = (prune_in(first + at, entry) for at, entry in enumerate(entries))
            self.found.prunes += [prune for prune in prunes if prune is not None]
        if DISPOSAL_BYTES in raw:
            disposals = (disposal_in(first + at, entry) for at, entry in enumerate(entries))
            self.found.disposals += [disposal for disposal in disposals if disposal is not None]
        if first == 0 and entries and LINK_BYTES in entries[0]:
            self.found.link = link_in(0, entries[0])

    def extend(self, hashes: Sequence[bytes], level: int = 0) -> None:
        """Count leaves in, or subtrees of one level, stopping at each size that is wanted."""
        done, end = 0, self.next + (len(hashes) << level)
        while self._sizes and self._sizes[0] <= end:
            size = self._sizes.pop(0)
            stop = done + (size - self.next >> level)
            self.part.extend(hashes[done:stop], level)
            self.found.peaks[size] = self.part.peaks()
            done = stop
        self.part.extend(hashes[done:], level)

    def problem(self, index: int, what: str, file: str = "") -> None:
        self.found.problems.append((index, what, file))


def _span(first: int, count: int) -> str:
    return f"entries {first:,} to {first + count - 1:,}" if count > 1 else f"entry {first:,}"


# --- a sealed volume


def _tile(task: Task, scan: _Scan) -> Sequence[bytes]:
    """The hashes in the `.tile` file; empty where it cannot be used."""
    name = tile_name(task.volume)
    try:
        data = read_file(task.folder / name, task.entries // TILE_WIDTH * HASH_BYTES)
        return tile_hashes(data, task.entries)
    except FileNotFoundError:
        scan.problem(scan.base, f"{name} is missing", name)
    except LedgerError as error:
        scan.problem(scan.base, error.what, name)
    return ()


def _pruned(task: Task, line: SealedLine) -> Found:
    """Entries are gone by intent: the tile must still lead to the root."""
    scan = _Scan(task)
    tile = _tile(task, scan)
    if tile and root_of(tile) != line.root:
        name = tile_name(task.volume)
        scan.problem(scan.base, f"{name} does not lead to the root in {SEALED}", name)
    scan.found.count, scan.found.root = task.entries, line.root
    return scan.found


def _sealed(task: Task, line: SealedLine) -> Found:
    scan = _Scan(task)
    found = scan.found
    tile = _tile(task, scan)
    tile_root = root_of(tile) if tile else b""
    frame = min(FRAME_ENTRIES, task.entries)
    name = volume_name(task.volume)
    hashes: list[bytes] = []
    whole = same = False
    try:
        with VolumeFile(task.folder / name) as file:
            same = file.size == line.size and file.digest() == line.sha256
            whole = file.frames == task.entries // frame
            if not whole:
                scan.problem(scan.base, f"{name} has {file.frames} frames of {task.entries // frame}", name)
            for number in range(file.frames if whole else 0):
                bundles = _frame(file, number, frame, scan)
                if bundles is None:
                    whole = False
                    break
                hashes += bundles
    except FileNotFoundError:
        scan.problem(scan.base, f"{name} is missing", name)
    except LedgerError as error:
        scan.problem(scan.base, f"{name}: {error.what}", name)
    found.count, found.root = task.entries, line.root
    # Three witnesses: the entries, the tile, the line in `sealed`. Where two agree, the third is at fault.
    if whole:
        root = root_of(hashes)
        if root != line.root and root == tile_root:
            scan.problem(scan.base, f"the root of volume {task.volume} is not that of its entries", SEALED)
            found.root = root
        elif root != line.root:
            _name_bundles(scan, hashes, tile if tile_root == line.root else ())
        elif tile and tile_root != root:
            at = next(i for i, pair in enumerate(zip(tile, hashes, strict=True)) if pair[0] != pair[1])
            where = _span(scan.base + at * TILE_WIDTH, TILE_WIDTH)
            scan.problem(scan.base + at * TILE_WIDTH, f"the hash of {where} is wrong", tile_name(task.volume))
    if not same and not found.problems:
        scan.problem(
            scan.base, f"its size and SHA-256 are not those in {SEALED}: one of the two was changed", name
        )
    return found


def _frame(file: VolumeFile, number: int, frame: int, scan: _Scan) -> list[bytes] | None:
    """Hashes of the bundles of one frame; None, and a problem, where it is damaged."""
    first = scan.next
    try:
        raw = file.unpack(number)
        entries = split_records(raw)
    except LedgerError as error:
        scan.problem(first, f"{_span(first, frame)} cannot be read: {error.what}")
        return None
    if len(entries) != frame:
        scan.problem(first, f"{len(entries)} entries stand where {frame} were sealed")
        return None
    return scan.take_bundles(entries, raw)


def _name_bundles(scan: _Scan, hashes: Sequence[bytes], tile: Sequence[bytes]) -> None:
    """Which entries are not the sealed ones; exact to a bundle, where the tile can be believed."""
    bad = [at for at, pair in enumerate(zip(tile, hashes, strict=True)) if pair[0] != pair[1]] if tile else []
    for at in bad:
        first = scan.base + at * TILE_WIDTH
        scan.problem(first, f"among {_span(first, TILE_WIDTH)} are some that are not the sealed ones")
    if not bad:
        scan.problem(scan.base, f"the entries of the volume do not lead to its root in {SEALED}")


# --- an active file


class _Active:
    """Goes through the frames of an active file, and on after a damaged one as far as that is possible."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._scan = _Scan(task)
        self._end = self._scan.base + task.entries

    def run(self) -> Found:
        fd = open_reading(self._task.folder / active_name(self._task.volume))
        try:
            behind = 0
            for behind in self._frames(fd):  # noqa: B007 - the last one is what counts
                pass
            self._scan.found.torn = os.fstat(fd).st_size - behind
        finally:
            os.close(fd)
        self._scan.found.count = self._scan.part.size
        self._scan.found.root = self._scan.part.root()
        self._scan.found.tail = self._scan.part.peaks()
        return self._scan.found

    def _frames(self, fd: int) -> Iterator[int]:
        """The offset behind each frame that could be read, damaged or not."""
        offset, scan = 0, self._scan
        while (found := frame_at(fd, offset)) is not None:
            header, body, whole = found
            first, raw = scan.next, body[: header.payload]
            span = _span(first, header.count)
            if header.first != first or first + header.count > self._end:
                scan.problem(first, f"the frame where {span} should begin is numbered {header.first:,}")
                return
            if len(body) < header.body:
                return
            try:
                entries = split_records(raw)
            except LedgerError as error:
                scan.problem(first, f"{span} cannot be told apart: {error.what}")
                return
            if len(entries) != header.count:
                scan.problem(first, f"{len(entries)} entries stand where {header.count} were written")
                return
            hashes = scan.take(entries, raw)
            if not whole:
                self._damage(first, hashes, body[header.payload :])
            offset += HEADER_BYTES + header.body
            yield offset

    def _damage(self, first: int, hashes: Sequence[bytes], marks: bytes) -> None:
        named = False
        for at, digest in enumerate(hashes):
            if digest[:MARK_BYTES] != marks[at * MARK_BYTES : (at + 1) * MARK_BYTES]:
                named = True
                self._scan.problem(first + at, "the entry is not the one that was written here")
        if not named:
            self._scan.problem(first, f"the checksum of {_span(first, len(hashes))} is wrong")
