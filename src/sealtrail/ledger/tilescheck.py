"""Verification of a log in the C2SP tlog-tiles form: what an export, or anybody's log, looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, SealtrailError
from sealtrail.ledger.anchors import Anchors
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import read_file
from sealtrail.ledger.handover import Handover
from sealtrail.ledger.layout import (
    CHECKPOINT,
    HANDOVERS,
    MAX_ENTRY_BYTES,
    TILE_LEVELS,
    TILE_WIDTH,
    split_records,
    tile_path,
)
from sealtrail.ledger.merkle import HASH_BYTES, CompactRange, climb, leaf_hashes
from sealtrail.ledger.note import MAX_NOTE_BYTES, base64_text
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.report import TrailReport

_MAX_BUNDLE: Final = TILE_WIDTH * (MAX_ENTRY_BYTES + 2)


def check_tiles(folder: Path, anchors: Anchors) -> TrailReport:
    """Verify `checkpoint`, every bundle and every tile of the size it states."""
    report = TrailReport(folder.name)
    try:
        checkpoint, note = Checkpoint.from_note(read_file(folder / CHECKPOINT, MAX_NOTE_BYTES))
    except FileNotFoundError:
        report.problem(None, "the file is missing", CHECKPOINT)
        return report
    except LedgerError as error:
        report.problem(None, error.what, CHECKPOINT)
        return report
    report.trail = report.origin = checkpoint.origin
    report.size, report.root, report.checkpoints = checkpoint.size, base64_text(checkpoint.root), 1
    try:
        handovers = handovers_of(folder)
    except LedgerError as error:
        report.problem(None, error.what, HANDOVERS)
        handovers = []
    chain = anchors.check_signature(report, checkpoint, note, CHECKPOINT, handovers)
    # Those of the folder: they were exported with this checkpoint or an earlier one, never with a later.
    handed = [one for one in chain.handovers if one in handovers]
    wanted = {*anchors.sizes(checkpoint.origin), *(one.size for one in handed)}
    reading = _Tiles(folder, checkpoint, report, wanted)
    reading.run()
    for one in handed:
        _handed_over(report, one, reading.roots.get(one.size))
    anchors.judge(report, chain, reading.roots.get, note)
    return report


def _handed_over(report: TrailReport, one: Handover, root: bytes | None) -> None:
    """A hand-over is a checkpoint that both keys signed: a retired key, stolen, signs nothing beside it.

    One that lies beyond the log accuses nobody: an export into the folder of an earlier one puts it there
    before its checkpoint.
    """
    if one.size > report.size:
        what = f"the log was handed over to another key at {one.size:,} entries, and {report.size:,} are here"
        report.unchecked(f"{what}: it was cut off, or an export into this folder broke off")
    elif root is not None and root != one.root:
        report.problem(0, f"rewritten: its first {one.size:,} entries are not those that were handed over")


class _Tiles:
    def __init__(self, folder: Path, checkpoint: Checkpoint, report: TrailReport, wanted: set[int]) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._report = report
        self._wanted = sorted(size for size in wanted if size <= checkpoint.size)
        self.roots: dict[int, bytes] = {}

    def run(self) -> None:
        size, tree = self._checkpoint.size, CompactRange()
        upper: list[bytes] = []
        for number in range(-(-size // TILE_WIDTH)):
            leaves = self._bundle(number, min(TILE_WIDTH, size - number * TILE_WIDTH))
            if leaves is None:
                return
            done = 0
            while self._wanted and self._wanted[0] <= tree.size + len(leaves) - done:
                stop = done + self._wanted.pop(0) - tree.size
                tree.extend(leaves[done:stop])
                self.roots[tree.size] = tree.root()
                done = stop
            tree.extend(leaves[done:])
            upper += climb(leaves, TILE_LEVELS)
        level = 1
        while upper:
            for number in range(-(-len(upper) // TILE_WIDTH)):
                self._tile(level, number, upper[number * TILE_WIDTH : (number + 1) * TILE_WIDTH])
            upper = climb(upper[: len(upper) // TILE_WIDTH * TILE_WIDTH], TILE_LEVELS)
            level += 1
        self.roots[size] = tree.root()
        if tree.root() != self._checkpoint.root and not self._report.problems:
            self._report.problem(0, "the entries do not lead to the root that was signed")

    def _bundle(self, number: int, width: int) -> list[bytes] | None:
        """Leaf hashes of a bundle, compared with the level-0 tile; None where the bundle cannot be read."""
        first, path = number * TILE_WIDTH, tile_path(None, number, width)
        try:
            entries = split_records(read_file(self._folder / path, _MAX_BUNDLE))
        except FileNotFoundError:
            self._report.problem(first, f"{path} is missing")
            return None
        except SealtrailError as error:
            self._report.problem(first, f"{path}: {error.what}")
            return None
        if len(entries) != width:
            self._report.problem(first, f"{path} holds {len(entries)} entries, {width} were signed")
            return None
        leaves = leaf_hashes(entries)
        self._tile(0, number, leaves)
        return leaves

    def _tile(self, level: int, number: int, hashes: list[bytes]) -> None:
        path = tile_path(level, number, len(hashes))
        try:
            data = read_file(self._folder / path, TILE_WIDTH * HASH_BYTES)
        except (FileNotFoundError, LedgerError):
            self._report.problem(number << TILE_LEVELS * (level + 1), "it is missing or too large", path)
            return
        if data == b"".join(hashes):
            return
        for at, digest in enumerate(hashes):
            if data[at * HASH_BYTES : (at + 1) * HASH_BYTES] != digest:
                index = (number * TILE_WIDTH + at) << TILE_LEVELS * level
                what = f"entries from {index:,} on and hash {at} of {path} do not agree"
                self._report.problem(index, what, "" if level == 0 else path)
                return
        self._report.problem(number << TILE_LEVELS * (level + 1), "it has a wrong width", path)
