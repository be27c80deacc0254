"""A sealed volume: written once from an active file, read frame by frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import zstandard

from sealtrail.ledger.files import Disk, open_reading, read_exactly, write_all, write_new
from sealtrail.ledger.layout import (
    FRAME_ENTRIES,
    HEADER_BYTES,
    MAX_UNPACKED_BYTES,
    SEEK_FOOT_BYTES,
    TEMPORARY,
    TILE_LEVELS,
    TILE_WIDTH,
    ZSTD_LEVEL,
    ZSTD_MIN_MATCH,
    FrameHeader,
    SealedLine,
    active_name,
    frame_header,
    frame_is_whole,
    records,
    seek_rows,
    seek_table,
    seek_table_bytes,
    split_records,
    tile_name,
    volume_name,
)
from sealtrail.ledger.merkle import climb, leaf_hashes, root_of
from sealtrail.ledger.note import malformed


def frame_at(fd: int, offset: int) -> tuple[FrameHeader, bytes, bool] | None:
    """The commit frame at `offset` of an active file: header, body, and whether its checksum is good.

    None where no frame begins, be it the end of the file or not.
    """
    header = frame_header(read_exactly(fd, HEADER_BYTES, offset))
    if header is None:
        return None
    body = read_exactly(fd, header.body, offset + HEADER_BYTES)
    return header, body, frame_is_whole(header, body)


def whole_frames(fd: int, first: int, end: int, offset: int = 0) -> Iterator[tuple[int, int, list[bytes]]]:
    """(offset, offset behind it, entries) of good frames from `offset` on, whose entries are `first`, ...

    Ends before the first frame that is not whole, not next in line, or reaches beyond index `end`.
    """
    while (found := frame_at(fd, offset)) is not None:
        header, body, whole = found
        if not whole or header.first != first or first + header.count > end:
            return
        entries = split_records(body[: header.payload])
        if len(entries) != header.count:
            return
        behind = offset + HEADER_BYTES + header.body
        yield offset, behind, entries
        offset, first = behind, first + header.count


def _check_sum(places: int, size: int) -> None:
    if places != size:
        raise malformed("the seek table does not add up to the file")


class VolumeFile:
    """Read access to `volume-N.zst`. Safe for several threads; close it when done."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, and LedgerError (ledger.format) for a seek table that cannot be."""
        self._fd = open_reading(path)
        try:
            self.size = os.fstat(self._fd).st_size
            foot = read_exactly(self._fd, SEEK_FOOT_BYTES, max(0, self.size - SEEK_FOOT_BYTES))
            length = seek_table_bytes(foot)
            rows = seek_rows(read_exactly(self._fd, length, max(0, self.size - length)))
            self._places: list[tuple[int, int, int]] = []
            offset = 0
            for packed, unpacked in rows:
                self._places.append((offset, packed, unpacked))
                offset += packed
            _check_sum(offset + length, self.size)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def frames(self) -> int:
        return len(self._places)

    def places(self) -> list[tuple[int, int, int]]:
        """(offset, packed, unpacked) of every frame."""
        return self._places

    def unpack(self, number: int) -> bytes:
        """The bundle records of one frame. Raises LedgerError (ledger.format) for a damaged frame."""
        offset, packed, unpacked = self._places[number]
        data = read_exactly(self._fd, packed, offset)
        try:
            # The frame's own claim decides how much is allocated, so it is read before it is believed.
            parameters = zstandard.get_frame_parameters(data)
            if parameters.content_size != unpacked or parameters.dict_id or not parameters.has_checksum:
                raise malformed(f"frame {number} is not what the seek table says")
            content = zstandard.ZstdDecompressor().decompress(
                data, max_output_size=MAX_UNPACKED_BYTES, read_across_frames=False, allow_extra_data=False
            )
        except zstandard.ZstdError as error:
            raise malformed(f"frame {number} does not unpack: {error}") from None
        if len(content) != unpacked:
            raise malformed(f"frame {number} is not what the seek table says")
        return content

    def digest(self) -> bytes:
        """SHA-256 of the whole file."""
        state = hashlib.sha256()
        for offset in range(0, self.size, 1 << 20):
            state.update(read_exactly(self._fd, 1 << 20, offset))
        return state.digest()

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _chunks(lists: Iterator[list[bytes]], size: int) -> Iterator[list[bytes]]:
    waiting: list[bytes] = []
    for entries in lists:
        waiting += entries
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting


def seal_volume(folder: Path, volume: int, entries: int, disk: Disk) -> SealedLine:
    """Write `volume-N.zst` and `.tile` from the full `active-N`, durably, and say what `sealed` has to say.

    The active file is read back and hashed again: what is sealed is what is on the disk, not what memory
    believes. The caller compares the root with the one it signed before it lists the volume.
    Raises OSError, and LedgerError (ledger.format) when the active file does not hold a full volume.
    """
    first = volume * entries
    source = open_reading(folder / active_name(volume))
    target = folder / volume_name(volume)
    temporary = target.with_name(target.name + TEMPORARY)
    out = disk.create(temporary, fresh=True)
    try:
        digest, size, rows, leaves = hashlib.sha256(), 0, list[tuple[int, int]](), list[bytes]()
        packer = zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                ZSTD_LEVEL,
                strategy=zstandard.STRATEGY_LAZY2,
                min_match=ZSTD_MIN_MATCH,
                write_checksum=True,
                write_content_size=True,
            )
        )

        def put(data: bytes) -> None:
            digest.update(data)
            write_all(disk, out, data)

        frames = whole_frames(source, first, first + entries)
        for chunk in _chunks((found for _, _, found in frames), FRAME_ENTRIES):
            plain = records(chunk)
            packed = packer.compress(plain)
            rows.append((len(packed), len(plain)))
            leaves += leaf_hashes(chunk)
            put(packed)
            size += len(packed)
        if len(leaves) != entries:
            raise malformed(f"{active_name(volume)} holds {len(leaves)} good entries of {entries}")
        table = seek_table(rows)
        put(table)
        disk.datasync(out)
    finally:
        disk.close(out)
        os.close(source)
    hashes = climb(leaves, TILE_LEVELS)
    tile = folder / tile_name(volume)
    write_new(disk, tile.with_name(tile.name + TEMPORARY), b"".join(hashes))
    # Both names before the line in `sealed`: a listed volume is always there. A crash before the line leaves
    # files nobody lists, which recovery removes, and the active file, from which they are made again.
    disk.rename(temporary, target)
    disk.rename(tile.with_name(tile.name + TEMPORARY), tile)
    disk.sync_folder(folder)
    return SealedLine(volume, root_of(hashes), digest.digest(), size + len(table))


def tile_hashes(data: bytes, entries: int) -> Sequence[bytes]:
    """The level-1 hashes in a `.tile` file. Raises LedgerError (ledger.format) for a wrong length."""
    if len(data) != entries // TILE_WIDTH * 32:
        raise malformed(
            f"a tile of {entries} entries has {entries // TILE_WIDTH * 32} bytes, not {len(data)}"
        )
    return [data[at : at + 32] for at in range(0, len(data), 32)]
