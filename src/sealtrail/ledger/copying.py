"""A copy of a trail up to a given size, taken while its writer goes on.

What is below a size that was reached never changes its content, only its place: a volume is sealed away from
under its active file, and old volumes are pruned. So sealed volumes are copied as files, as far as they lie
whole below the size, and everything after them as entries; what makes whole volumes is then sealed.

Below `floor`, which the caller read before the size was taken, nothing is copied: its prune is on record
within the copy. A volume that is pruned meanwhile is not, so then the copy fails with NotFoundError and is
begun anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, NotFoundError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes, history_record, size_stated
from sealtrail.ledger.files import Disk, open_reading, read_exactly, read_file, refusals, write_all, write_new
from sealtrail.ledger.layout import (
    CHECKPOINT,
    FRAME_ENTRIES,
    HANDOVERS,
    HISTORY,
    MAX_PAYLOAD_BYTES,
    MAX_SEALED_BYTES,
    PRUNED,
    SAFE_FRAME_ENTRIES,
    SEALED,
    VOLUME_ENTRIES,
    WITNESSED,
    active_name,
    frame,
    pruned_text,
    sealed_lines,
    sealed_text,
    tile_name,
    timestamp_of,
    volume_name,
)
from sealtrail.ledger.merkle import leaf_hashes
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.trail import TrailReader
from sealtrail.ledger.volume import seal_volume
from sealtrail.ledger.witnessed import read_witnessed, witnessed_size

_CHUNK: Final = 1 << 20


def copy_trail(
    source: Path,
    target: Path,
    size: int,
    floor: int = 0,
    disk: Disk | None = None,
    *,
    volume_entries: int = VOLUME_ENTRIES,
) -> bytes:
    """Copy the first `size` entries of `trails/<trail>` into a new folder, durably; its last signed note.

    Raises NotFoundError where a volume was pruned meanwhile, LedgerError where the disk refuses and
    TamperedError where an entry cannot be read.
    """
    disk = disk or Disk()
    with refusals(target):
        disk.mkdir(target)
        sealed = [
            line
            for line in sealed_lines(read_file(source / SEALED, MAX_SEALED_BYTES))
            if (line.volume + 1) * volume_entries <= size
        ]
        for line in sealed:
            if line.volume * volume_entries >= floor:
                _copy_volume(source, target, volume_name(line.volume), disk)
            _copy_volume(source, target, tile_name(line.volume), disk)
        _copy_entries(source, target, len(sealed) * volume_entries, size, disk, volume_entries)
        note = _copy_history(source / HISTORY, target / HISTORY, size, disk)
        signed = Checkpoint.from_note(note)[0].size
        # Nobody will ever seal what a writer has not sealed yet: a restored folder appends elsewhere.
        while (len(sealed) + 1) * volume_entries <= signed:
            sealed.append(seal_volume(target, len(sealed), volume_entries, disk))
            disk.unlink(target / active_name(len(sealed) - 1))
        handovers = b"".join(one.data for one in handovers_of(source) if one.size <= size)
        if handovers:
            write_new(disk, target / HANDOVERS, handovers)
        for torn in sorted(source.glob("torn-*")):
            copy_file(torn, target / torn.name, disk)
        for path in sorted(source.iterdir()):
            stamped = timestamp_of(path.name)
            if stamped is not None and stamped[0] <= signed:
                copy_file(path, target / path.name, disk)
        write_new(disk, target / CHECKPOINT, note)
        witnessed = read_witnessed(source)
        if 0 < witnessed_size(witnessed) <= signed:  # a later one speaks of what is not in the copy
            write_new(disk, target / WITNESSED, witnessed)
        if floor:
            write_new(disk, target / PRUNED, pruned_text(floor))
        write_new(disk, target / SEALED, sealed_text(sealed))
        disk.sync_folder(target)
    return note


def copy_file(source: Path, target: Path, disk: Disk | None = None) -> None:
    """Copy a file as it is now, durable but for its name. Raises OSError."""
    disk = disk or Disk()
    fd = open_reading(source)
    try:
        out = disk.create(target, fresh=True)
        try:
            offset = 0
            while data := read_exactly(fd, _CHUNK, offset):
                write_all(disk, out, data)
                offset += len(data)
            disk.datasync(out)
        finally:
            disk.close(out)
    finally:
        os.close(fd)


def _copy_volume(source: Path, target: Path, name: str, disk: Disk) -> None:
    try:
        copy_file(source / name, target / name, disk)
    except FileNotFoundError:
        raise NotFoundError(
            "not-found.entry", f"{source.name}/{name} was pruned while it was copied"
        ) from None


def _copy_entries(source: Path, target: Path, start: int, end: int, disk: Disk, volume_entries: int) -> None:
    """Entries [start, end) as active files, in frames as the writer makes them."""
    reader = TrailReader(source, volume_entries=volume_entries)
    try:
        reader.refresh()
        if reader.size < end:
            raise LedgerError("ledger.io", f"{source.name} gives {reader.size:,} entries, not {end:,}")
        while start < end:
            stop = min(end, (start // volume_entries + 1) * volume_entries)
            out = disk.create(target / active_name(start // volume_entries), fresh=True)
            try:
                for data in _frames(reader, start, stop):
                    write_all(disk, out, data)
                disk.datasync(out)
            finally:
                disk.close(out)
            start = stop
    finally:
        reader.close()


def _frames(reader: TrailReader, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        entries = reader.read(start, min(end, start + FRAME_ENTRIES))
        if sum(map(len, entries)) + 2 * len(entries) > MAX_PAYLOAD_BYTES:
            entries = entries[:SAFE_FRAME_ENTRIES]
        yield frame(start, entries, leaf_hashes(entries))
        start += len(entries)


def _copy_history(source: Path, target: Path, size: int, disk: Disk) -> bytes:
    """Every note up to that of `size` entries; the last of them."""
    fd = open_reading(source)
    try:
        out = disk.create(target, fresh=True)
        try:
            last, rest, offset, later = b"", b"", 0, False
            while not later and len(rest) <= 2 * MAX_NOTE_BYTES:
                data = read_exactly(fd, _CHUNK, offset)
                if not data:
                    break
                offset += len(data)
                rest += data
                behind = 0
                kept: list[bytes] = []
                for note, end in history_notes(rest):
                    later = size_stated(note) > size
                    if later:
                        break
                    kept.append(history_record(note))
                    last, behind = note, end
                write_all(disk, out, b"".join(kept))
                rest = rest[behind:]
            disk.datasync(out)
        finally:
            disk.close(out)
    finally:
        os.close(fd)
    if not last:
        raise LedgerError("ledger.format", f"{source} holds no checkpoint of at most {size:,} entries")
    return last
