"""One trail, read while its writer goes on: entries by index, and hashes of complete subtrees for proofs.

A reader sees what was written, whole frames only. It keeps the active file open, so that sealing it away does
not take it from under a reader; what it has read of it is remembered and only new frames are parsed.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, NotFoundError, TamperedError
from sealtrail.ledger.files import open_reading, read_file
from sealtrail.ledger.layout import (
    CHECKPOINT,
    FRAME_ENTRIES,
    MAX_SEALED_BYTES,
    PRUNED,
    SEALED,
    TILE_LEVELS,
    TILE_WIDTH,
    VOLUME_ENTRIES,
    SealedLine,
    active_name,
    sealed_lines,
    split_records,
    tile_name,
    volume_level,
    volume_name,
)
from sealtrail.ledger.merkle import HASH_BYTES, climb, leaf_hashes, node_hash, root_of
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.recent import Recent
from sealtrail.ledger.recover import floor_of
from sealtrail.ledger.volume import VolumeFile, frame_at, tile_hashes, whole_frames
from sealtrail.ledger.witnessed import merged, read_witnessed

# Unpacked blocks kept for the next question: a page of the console, or a follower that lags.
_BLOCK_BYTES: Final = 32 * 1024 * 1024
_OPEN_VOLUMES: Final = 8
_TILES: Final = 64
_BUNDLES: Final = 64

# A volume that is sealed at the very moment we look is found at the second look.
_LOOKS: Final = 5

_Stamp = tuple[int, int, int]


class _Active:
    """An active file as far as it was read: where its frames begin."""

    def __init__(self, path: Path, volume: int, entries: int) -> None:
        self.volume = volume
        self._base = volume * entries
        self._end = self._base + entries
        self._fd = open_reading(path)
        self._seen = -1
        self._offset = 0
        self.size = 0
        self._firsts = array("Q")
        self._offsets = array("Q")
        self.tiles: list[bytes] = []
        self._last: tuple[int, list[bytes]] = (0, [])  # the block that was read last: bundles are smaller

    def extend(self) -> None:
        """Parse what was appended since. Cheap when nothing was."""
        length = os.fstat(self._fd).st_size
        if length == self._seen:
            return
        if length < self._offset:  # a new writer cut off a tail; what is below it did not change
            self._seen, self._offset, self.size = -1, 0, 0
            self._firsts, self._offsets, self.tiles = array("Q"), array("Q"), []
            self._last = (0, [])
        for offset, behind, found in whole_frames(self._fd, self._base + self.size, self._end, self._offset):
            self._firsts.append(self._base + self.size)
            self._offsets.append(offset)
            self._offset = behind
            self.size += len(found)
        # A frame that is still being written is looked at again when the file has grown.
        self._seen = length

    def block(self, index: int) -> tuple[int, list[bytes]]:
        """(index of the first, entries) of the frame that holds `index`."""
        first, entries = self._last
        if first <= index < first + len(entries):
            return self._last
        number = bisect_right(self._firsts, index) - 1
        found = frame_at(self._fd, self._offsets[number])
        if found is None or not found[2]:
            raise TamperedError(f"{active_name(self.volume)} changed while it was read", index=index)
        self._last = self._firsts[number], split_records(found[1][: found[0].payload])
        return self._last

    def close(self) -> None:
        os.close(self._fd)


class TrailReader:
    """Reads one trail folder. Not safe for threads: `reader.LedgerReader` is."""

    def __init__(self, folder: Path, *, volume_entries: int = VOLUME_ENTRIES) -> None:
        self.folder = folder
        self.name = folder.name
        self._entries = volume_entries
        self._level = volume_level(volume_entries)
        self._frame = min(FRAME_ENTRIES, volume_entries)
        self._sealed: list[SealedLine] = []
        self._stamps: dict[str, _Stamp] = {}
        self._actives: dict[int, _Active] = {}
        self.first = 0
        self.size = 0
        self._blocks: Recent[int, tuple[int, list[bytes]]] = Recent(_BLOCK_BYTES)
        self._volumes: Recent[int, VolumeFile] = Recent(_OPEN_VOLUMES, VolumeFile.close)
        self._tiles: Recent[int, Sequence[bytes]] = Recent(_TILES)
        self._bundles: Recent[int, list[bytes]] = Recent(_BUNDLES)
        self._upper: dict[tuple[int, int], bytes] = {}

    # --- where things stand

    def refresh(self) -> None:
        """Learn of what was written since. Raises LedgerError when the folder cannot be read."""
        for _ in range(_LOOKS):
            if self._look():
                return
        raise LedgerError("ledger.io", f"{self.folder} changes faster than it can be read")

    def _look(self) -> bool:
        if self._changed(SEALED):
            self._sealed = sealed_lines(read_file(self.folder / SEALED, MAX_SEALED_BYTES))
            for volume in [v for v in self._actives if v < len(self._sealed)]:
                self._actives.pop(volume).close()
            # Frames of an active file and of a sealed volume begin at different entries.
            self._blocks.forget(lambda first: first < self._sealed_size)
        if self._changed(PRUNED):
            self.first = floor_of(self.folder)
            # What was removed is not to be had from memory either.
            self._blocks.forget(lambda first: first < self.first)
        size, volume = self._sealed_size, len(self._sealed)
        while True:
            active = self._actives.get(volume)
            if active is None:
                try:
                    active = _Active(self.folder / active_name(volume), volume, self._entries)
                except FileNotFoundError:
                    # Either nothing was written there yet, or it was sealed a moment ago.
                    self.size = size
                    return not self._changed(SEALED, remember=False)
                self._actives[volume] = active
            before = active.size
            active.extend()
            if active.size < before:
                first = volume * self._entries
                self._blocks.forget(lambda at, first=first: at >= first)  # type: ignore[misc]
                self._bundles.forget(lambda at, first=first: at >= first // TILE_WIDTH)  # type: ignore[misc]
            size += active.size
            if active.size < self._entries:
                self.size = size
                return True
            volume += 1

    @property
    def _sealed_size(self) -> int:
        return len(self._sealed) * self._entries

    def _changed(self, name: str, *, remember: bool = True) -> bool:
        try:
            found = (self.folder / name).stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            stamp = (0, 0, 0)
        changed = self._stamps.get(name, (0, 0, 0)) != stamp
        if remember:
            self._stamps[name] = stamp
        return changed

    def checkpoint(self) -> bytes:
        """The latest signed note, with the cosignatures it was given."""
        return merged(read_file(self.folder / CHECKPOINT, MAX_NOTE_BYTES), read_witnessed(self.folder))

    def witnessed(self) -> bytes:
        """The latest note that witnesses cosigned; empty where there is none."""
        return read_witnessed(self.folder)

    # --- entries

    def read(self, start: int, end: int) -> list[bytes]:
        """Entries [start, end), all of which must be there."""
        found: list[bytes] = []
        while start < end:
            first, entries = self._block(start)
            part = entries[start - first : end - first]
            found += part
            start += len(part)
        return found

    def entry(self, index: int) -> bytes:
        """One entry. Raises NotFoundError when it was never written, or was pruned."""
        if not 0 <= index < self.size:
            raise NotFoundError("not-found.entry", f"{self.name}/{index} was not written yet")
        return self.read(index, index + 1)[0]

    def _block(self, index: int) -> tuple[int, list[bytes]]:
        volume = index // self._entries
        sealed = volume < len(self._sealed)
        if sealed:
            key = index - index % self._frame
            known = self._blocks.get(key)
            if known is None:
                content = self._unpacked(volume, index)
                known = self._blocks.put(key, (key, split_records(content)), len(content))
            if index - key >= len(known[1]):
                raise TamperedError(f"{volume_name(volume)} is short", trail=self.name, index=index)
            return known
        active = self._actives[volume]
        first, entries = active.block(index)
        return first, entries

    def _unpacked(self, volume: int, index: int) -> bytes:
        if index < self.first:
            raise self._pruned(index)
        try:
            file = self._volumes.get(volume)
            if file is None:
                file = self._volumes.put(volume, VolumeFile(self.folder / volume_name(volume)))
            number = (index - volume * self._entries) // self._frame
            if number >= file.frames:
                raise TamperedError(f"{volume_name(volume)} is short", trail=self.name, index=index)
            return file.unpack(number)
        except FileNotFoundError:
            self.refresh()
            if index < self.first:
                raise self._pruned(index) from None
            raise TamperedError(f"{volume_name(volume)} is missing", trail=self.name, index=index) from None

    def _pruned(self, index: int) -> NotFoundError:
        return NotFoundError(
            "not-found.pruned",
            f"{self.name}/{index} was pruned; kept from {self.first}",
            hint=f"Search for `event.action:sealtrail.prune and sealtrail.range.trail:{self.name}`.",
        )

    # --- hashes

    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (level, index); all of its entries must be there (or pruned
        together with their whole volume, and `level` 8 at least).
        """
        if level == self._level:
            return self._volume_root(index)
        if level > self._level:
            known = self._upper.get((level, index))
            if known is None:
                known = node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
                self._upper[level, index] = known
            return known
        if level >= TILE_LEVELS:
            tile = index << (level - TILE_LEVELS)
            volume, at = divmod(tile, self._entries // TILE_WIDTH)
            return climb(self._tile(volume)[at : at + (1 << (level - TILE_LEVELS))], level - TILE_LEVELS)[0]
        leaf = index << level
        bundle, at = divmod(leaf, TILE_WIDTH)
        return climb(self._bundle(bundle, at + (1 << level))[at : at + (1 << level)], level)[0]

    def _volume_root(self, volume: int) -> bytes:
        if volume < len(self._sealed):
            return self._sealed[volume].root
        return root_of(self._tile(volume))

    def _tile(self, volume: int) -> Sequence[bytes]:
        """Hashes of the whole bundles of a volume."""
        if volume < len(self._sealed):
            known = self._tiles.get(volume)
            if known is None:
                data = read_file(self.folder / tile_name(volume), self._entries // TILE_WIDTH * HASH_BYTES)
                known = self._tiles.put(volume, tile_hashes(data, self._entries))
                if root_of(known) != self._sealed[volume].root:
                    raise TamperedError(
                        f"{tile_name(volume)} does not lead to the root in {SEALED}",
                        trail=self.name,
                        index=volume * self._entries,
                    )
            return known
        active = self._actives[volume]
        base = volume * (self._entries // TILE_WIDTH)
        while len(active.tiles) < active.size // TILE_WIDTH:
            bundle = (base + len(active.tiles)) * TILE_WIDTH
            active.tiles.append(root_of(leaf_hashes(self.read(bundle, bundle + TILE_WIDTH))))
        return active.tiles

    def _bundle(self, bundle: int, width: int) -> list[bytes]:
        """At least `width` leaf hashes of a bundle."""
        known = self._bundles.get(bundle)
        if known is None or len(known) < width:
            start = bundle * TILE_WIDTH
            known = leaf_hashes(self.read(start, min(start + TILE_WIDTH, max(self.size, start + width))))
            self._bundles.put(bundle, known)
        return known

    def close(self) -> None:
        """Let go of open files."""
        for active in self._actives.values():
            active.close()
        self._actives.clear()
        self._volumes.forget(lambda _: True)
