"""Dropping what retention no longer wants: whole sealed volumes from the front, never their hashes."""

from __future__ import annotations

from pathlib import Path

from sealtrail.ledger.files import Disk, read_file, refusals, replace
from sealtrail.ledger.layout import (
    MAX_SEALED_BYTES,
    PRUNED,
    SEALED,
    VOLUME_ENTRIES,
    active_name,
    pruned_text,
    sealed_lines,
    volume_name,
)
from sealtrail.ledger.recover import floor_of


def prunable(folder: Path, end: int, *, volume_entries: int = VOLUME_ENTRIES) -> int:
    """The index up to which `prune_volumes(folder, end)` would drop: what the prune event has to say."""
    sealed = sealed_lines(read_file(folder / SEALED, MAX_SEALED_BYTES))
    volumes = min(max(end, 0) // volume_entries, len(sealed))
    active = folder / active_name(len(sealed))
    if volumes == len(sealed) and not (active.exists() and active.stat().st_size):
        volumes -= 1  # the last entry stays: the next one must be later than it
    return max(volumes, 0) * volume_entries


def prune_volumes(
    folder: Path, end: int, disk: Disk | None = None, *, volume_entries: int = VOLUME_ENTRIES
) -> int:
    """Drop the sealed volumes of `trails/<trail>` that lie below `end`; the first index still kept.

    Their lines in `sealed` and their tiles stay, so every later proof stays possible. The caller first
    appends `sealtrail.prune` (sealtrail.range.trail, sealtrail.range.end) to the audit trail and publishes a
    checkpoint over it: the verifier accepts the gap for no other reason. Raises LedgerError (ledger.io).
    """
    disk = disk or Disk()
    with refusals(folder):
        before = floor_of(folder)
        floor = max(before, prunable(folder, end, volume_entries=volume_entries))
        if floor > before:
            # The floor before the files: after a crash between the two a volume is there that need not be.
            replace(disk, folder / PRUNED, pruned_text(floor))
        for volume in range(floor // volume_entries):
            disk.unlink(folder / volume_name(volume))
        disk.sync_folder(folder)
    return floor
