"""Copies of entries that a legal hold is on, made before their volume is pruned.

`holds/<trail>/volume-NNNNNN/<index>.json` is an entry's exact bytes, `<index>.tlog-proof` beside it proves
them: both are what `sealtrail prove` hands out, and whoever has the public key checks them without the trail.
The prune event says which entries were copied, so that a copy that is taken away shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sealtrail.ledger.files import Disk, read_file, refusals, write_new
from sealtrail.ledger.layout import MAX_ENTRY_BYTES, VOLUME_ENTRIES, volume_name
from sealtrail.ledger.reader import LedgerReader

ENTRY_SUFFIX: Final = ".json"
PROOF_SUFFIX: Final = ".tlog-proof"

Ranges = tuple[tuple[int, int], ...]


def ranges_of(indexes: Iterable[int]) -> Ranges:
    """Indexes as ranges [first, end), in order."""
    found: list[list[int]] = []
    for index in sorted(set(indexes)):
        if found and found[-1][1] == index:
            found[-1][1] += 1
        else:
            found.append([index, index + 1])
    return tuple((first, end) for first, end in found)


def members(ranges: Ranges) -> Iterator[int]:
    """The indexes in ranges."""
    for first, end in ranges:
        yield from range(first, end)


def place_of(holds: Path, trail: str, index: int, suffix: str, entries: int = VOLUME_ENTRIES) -> Path:
    """Where a copy is: of an entry or, by its suffix, of its proof."""
    folder = Path(volume_name(index // entries)).stem
    return holds / trail / folder / f"{index}{suffix}"


def copy_held(
    holds: Path,
    ledger: LedgerReader,
    trail: str,
    ranges: Ranges,
    disk: Disk | None = None,
    *,
    volume_entries: int = VOLUME_ENTRIES,
) -> None:
    """Copy entries with their proofs; durable when it returns. What is there already is left as it is.

    Raises LedgerError (ledger.io), and TamperedError for an entry that does not lead to what was signed.
    """
    disk = disk or Disk()
    with refusals(holds):
        folders: set[Path] = set()
        for index in members(ranges):
            entry = ledger.entry(trail, index)
            path = place_of(holds, trail, index, ENTRY_SUFFIX, volume_entries)
            if path.parent not in folders:
                for folder in (holds, holds / trail, path.parent):
                    disk.mkdir(folder)
                    disk.sync_folder(folder.parent)
                folders.add(path.parent)
            # The proof first: where the entry is, its proof is as well.
            proof = ledger.prove(trail, index).encode()
            write_new(disk, path.with_suffix(PROOF_SUFFIX), proof)
            write_new(disk, path, entry)
        for folder in folders:
            disk.sync_folder(folder)


def is_copied(
    holds: Path, ledger: LedgerReader, trail: str, ranges: Ranges, *, volume_entries: int = VOLUME_ENTRIES
) -> bool:
    """Are all of these entries, which the ledger still has, there as copies?"""
    for index in members(ranges):
        path = place_of(holds, trail, index, ENTRY_SUFFIX, volume_entries)
        try:
            if read_file(path, MAX_ENTRY_BYTES) != ledger.entry(trail, index):
                return False
        except OSError:
            return False
        if not path.with_suffix(PROOF_SUFFIX).exists():
            return False
    return True


def copied_entry(holds: Path, trail: str, index: int, *, volume_entries: int = VOLUME_ENTRIES) -> bytes:
    """The entry of a copy. Raises OSError, LedgerError."""
    return read_file(place_of(holds, trail, index, ENTRY_SUFFIX, volume_entries), MAX_ENTRY_BYTES)


def remove_copies(
    holds: Path,
    trail: str,
    ranges: Ranges,
    disk: Disk | None = None,
    *,
    volume_entries: int = VOLUME_ENTRIES,
) -> None:
    """Remove copies; the caller has said so in a signed entry. Raises LedgerError (ledger.io)."""
    disk = disk or Disk()
    with refusals(holds):
        folders = set()
        for index in members(ranges):
            path = place_of(holds, trail, index, ENTRY_SUFFIX, volume_entries)
            if not path.parent.exists():
                continue
            # The entry first: a proof that is left alone says nothing of what was in it.
            disk.unlink(path)
            disk.unlink(path.with_suffix(PROOF_SUFFIX))
            folders.add(path.parent)
        for folder in folders:
            disk.sync_folder(folder)
