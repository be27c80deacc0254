"""A trail written out as a C2SP tlog-tiles log, at its latest checkpoint: for verifiers by other people.

Done again into the same folder it goes on where the folder ends. Durable order, as in the trail itself:
tiles, then `checkpoint`, then what it makes superfluous. A crash leaves a log of the old size, or one of the
new size with partial tiles too many, which the next export removes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk, read_file, refusals, replace, write_new
from sealtrail.ledger.layout import (
    CHECKPOINT,
    HANDOVERS,
    TEMPORARY,
    TILE_LEVELS,
    TILE_WIDTH,
    records,
    tile_path,
)
from sealtrail.ledger.merkle import HASH_BYTES, CompactRange, climb, leaf_hashes
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.reader import LedgerReader

_TILES: Final = "tile"
_NAMES: Final = frozenset(
    {CHECKPOINT, HANDOVERS, _TILES, CHECKPOINT + TEMPORARY, HANDOVERS + TEMPORARY}
)  # what an export has in its folder, a broken off one included


def export_tlog(reader: LedgerReader, trail: str, target: Path) -> Checkpoint:
    """Write `checkpoint`, `tile/<L>/...` and `tile/entries/...` into a folder, or go on where it ends.

    Raises UsageError when the folder holds anything else, NotFoundError where entries were pruned that it
    lacks, TamperedError when the entries do not lead to the signed root or the trail does not begin with what
    the folder holds: its `checkpoint` is then left as it was.
    """
    note = reader.checkpoint(trail)
    checkpoint, _ = Checkpoint.from_note(note)
    with refusals(target):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _held(target)
        if held is not None:
            _continues(reader, trail, held, checkpoint, target)
        export = _Export(reader, trail, target, held.size if held is not None else 0)
        export.write(checkpoint)
        handovers = [one for one in reader.handovers(trail) if one.size <= checkpoint.size]
        if handovers:  # nothing of C2SP: it leads who knows an old key to the one that signed
            replace(export.disk, target / HANDOVERS, b"".join(one.data for one in handovers))
        # A folder with a checkpoint is whole.
        replace(export.disk, target / CHECKPOINT, note)
        _sweep(target, checkpoint.size)
    return checkpoint


def _held(target: Path) -> Checkpoint | None:
    """The checkpoint of the export that a folder holds; None where there is none yet, or one broke off."""
    foreign = sorted(path.name for path in target.iterdir() if path.name not in _NAMES)
    if foreign:
        raise UsageError(
            "usage.path",
            f"{target} holds {foreign[0][:60]!r}, which is nothing of an exported log",
            hint="Name a new or an empty folder, or one that this trail was exported into before.",
        )
    try:
        held, _ = Checkpoint.from_note(read_file(target / CHECKPOINT, MAX_NOTE_BYTES))
    except FileNotFoundError:
        return None
    except LedgerError as error:
        if error.code != "ledger.format":
            raise
        raise UsageError("usage.path", f"{target / CHECKPOINT}: {error.what}") from None
    return held


def _continues(
    reader: LedgerReader, trail: str, held: Checkpoint, checkpoint: Checkpoint, target: Path
) -> None:
    """Raise unless the trail is the one that was exported, and begins with what was."""
    if held.origin != checkpoint.origin:
        raise UsageError(
            "usage.path",
            f"{target} is an export of {held.origin}, and this trail is {checkpoint.origin}",
            hint="Name a folder of its own for each trail.",
        )
    if held.size > checkpoint.size or reader.root(trail, held.size) != held.root:
        raise TamperedError(
            f"{target} holds {held.size:,} entries that were signed, and the trail does not begin with them: "
            "it was cut off or rewritten, or the export was changed",
            trail=trail,
        )


class _Export:
    """Bundles and tiles from one size to another."""

    def __init__(self, reader: LedgerReader, trail: str, target: Path, held: int) -> None:
        self.disk = Disk()
        self._held = held
        self._reader = reader
        self._trail = trail
        self._target = target
        self._made: set[Path] = set()

    def write(self, checkpoint: Checkpoint) -> None:
        """Every tile that the folder lacks. Raises TamperedError."""
        size, begin = checkpoint.size, self._held // TILE_WIDTH
        tree, new = self._before(begin * TILE_WIDTH), []
        for number in range(begin, -(-size // TILE_WIDTH)):
            start = number * TILE_WIDTH
            entries = self._reader.read(self._trail, start, min(TILE_WIDTH, size - start))
            hashes = leaf_hashes(entries)
            tree.extend(hashes)
            self._put(None, number, len(entries), records(entries))
            self._put(0, number, len(hashes), b"".join(hashes))
            new += climb(hashes, TILE_LEVELS)
        level = 1
        while begin or new:
            number, old_width = divmod(begin, TILE_WIDTH)
            new = [*self._tile(level, number, old_width), *new]
            begin = number
            for number in range(begin, begin + -(-len(new) // TILE_WIDTH)):
                start = (number - begin) * TILE_WIDTH
                tile = new[start : start + TILE_WIDTH]
                self._put(level, number, len(tile), b"".join(tile))
            new = climb(new, TILE_LEVELS)
            level += 1
        # What was there is part of it: the peaks of the tree that was exported lead to this root or to none.
        if tree.size != size or tree.root() != checkpoint.root:
            raise TamperedError("the entries do not lead to the root that was signed", trail=self._trail)
        for folder in sorted(self._made):
            self.disk.sync_folder(folder)

    def _before(self, size: int) -> CompactRange:
        """The range over the first `size` entries, whole bundles, out of the trail's own tiles."""
        tree, level = CompactRange(), 0
        while size >> (level + 1) * TILE_LEVELS:
            level += 1
        for each in range(level, 0, -1):
            number, width = divmod(size >> each * TILE_LEVELS, TILE_WIDTH)
            tree.extend(self._tile(each, number, width), each * TILE_LEVELS)
        return tree

    def _tile(self, level: int, number: int, width: int) -> list[bytes]:
        if not width:
            return []
        data = self._reader.tile(self._trail, level, number, width)
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def _put(self, level: int | None, number: int, width: int, data: bytes) -> None:
        place = self._target / tile_path(level, number, width)
        # The log that is there needs its own tiles until the new checkpoint is: while right, they are not
        # touched. Others are written even if they seem to be there: a kill may have come before their sync.
        if (number * TILE_WIDTH + width) << (level or 0) * TILE_LEVELS <= self._held and _is(place, data):
            return
        if place.parent not in self._made:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._made.add(place.parent)
        write_new(self.disk, place, data)


def _is(place: Path, data: bytes) -> bool:
    try:
        return read_file(place, len(data)) == data
    except (FileNotFoundError, LedgerError):  # missing, or longer
        return False


def _sweep(target: Path, size: int) -> None:
    """Remove partial tiles that a log of `size` entries does not have: those of earlier exports."""
    for folder in list((target / _TILES).rglob("*.p")):
        level = folder.relative_to(target / _TILES).parts[0]
        height = int(level) * TILE_LEVELS if level.isdecimal() else 0
        number, width = divmod(size >> height, TILE_WIDTH)
        name = tile_path(int(level) if level.isdecimal() else None, number, width) if width else ""
        for partial in list(folder.iterdir()):
            if partial.relative_to(target).as_posix() != name:
                partial.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
