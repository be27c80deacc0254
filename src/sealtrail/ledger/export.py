"""A trail written out as a C2SP tlog-tiles log, at its latest checkpoint: for verifiers by other people."""

from __future__ import annotations

from pathlib import Path

from sealtrail.errors import TamperedError, UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk, refusals, write_new
from sealtrail.ledger.layout import CHECKPOINT, HANDOVERS, TILE_LEVELS, TILE_WIDTH, records, tile_path
from sealtrail.ledger.merkle import CompactRange, climb, leaf_hashes
from sealtrail.ledger.reader import LedgerReader


def export_tlog(reader: LedgerReader, trail: str, target: Path) -> Checkpoint:
    """Write `checkpoint`, `tile/<L>/...` and `tile/entries/...` into a new or empty folder.

    Raises UsageError when the folder holds anything, NotFoundError where entries were pruned, TamperedError
    when the entries do not lead to the signed root: `checkpoint` is then not written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("usage.path", f"{target} is there already", hint="Name a new or an empty folder.")
    note = reader.checkpoint(trail)
    checkpoint, _ = Checkpoint.from_note(note)
    disk, made, tree = Disk(), set[Path](), CompactRange()

    def put(path: str, data: bytes) -> None:
        place = target / path
        if place.parent not in made:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.add(place.parent)
        write_new(disk, place, data)

    with refusals(target):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        upper: list[bytes] = []
        for number in range(-(-checkpoint.size // TILE_WIDTH)):
            start = number * TILE_WIDTH
            entries = reader.read(trail, start, min(TILE_WIDTH, checkpoint.size - start))
            hashes = leaf_hashes(entries)
            tree.extend(hashes)
            put(tile_path(None, number, len(entries)), records(entries))
            put(tile_path(0, number, len(entries)), b"".join(hashes))
            upper += climb(hashes, TILE_LEVELS)
        level = 1
        while upper:
            for number in range(-(-len(upper) // TILE_WIDTH)):
                hashes = upper[number * TILE_WIDTH : (number + 1) * TILE_WIDTH]
                put(tile_path(level, number, len(hashes)), b"".join(hashes))
            upper = climb(upper, TILE_LEVELS)
            level += 1
        if tree.size != checkpoint.size or tree.root() != checkpoint.root:
            raise TamperedError("the entries do not lead to the root that was signed", trail=trail)
        handovers = [one for one in reader.handovers(trail) if one.size <= checkpoint.size]
        if handovers:  # nothing of C2SP: it leads who knows an old key to the one that signed
            put(HANDOVERS, b"".join(one.data for one in handovers))
        # Last: a folder with a checkpoint is whole.
        put(CHECKPOINT, note)
    return checkpoint
