"""Open reading: entries, checkpoints and proofs of a data folder, while its writer goes on. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sealtrail.errors import LedgerError, NotFoundError, TamperedError
from sealtrail.event import Position
from sealtrail.ledger import merkle
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import refusals
from sealtrail.ledger.handover import Handover
from sealtrail.ledger.history import note_of
from sealtrail.ledger.layout import (
    SEALED,
    TILE_LEVELS,
    TILE_WIDTH,
    TRAIL_NAME,
    TRAILS_FOLDER,
    VOLUME_ENTRIES,
    records,
)
from sealtrail.ledger.proof import (
    TlogProof,
    check_inclusion,
    prove_consistency,
    prove_inclusion,
    range_hash,
)
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.trail import TrailReader
from sealtrail.ledger.witnessed import witnessed_size


class LedgerReader:
    """Reads the trails of a data folder.

    In the writer's own process `durable` gives how much of each trail survives a crash, and nothing beyond it
    is shown: no follower may learn of what could still be lost. Another process sees whole frames.
    """

    def __init__(
        self,
        data: Path,
        *,
        durable: Callable[[], Mapping[str, int]] | None = None,
        volume_entries: int = VOLUME_ENTRIES,
    ) -> None:
        self._folder = data / TRAILS_FOLDER
        self._durable = durable
        self._entries = volume_entries
        self._lock = threading.RLock()
        self._trails: dict[str, TrailReader] = {}

    def trails(self) -> list[str]:
        """Names of the trails that are there, sorted."""
        try:
            names = [path.name for path in self._folder.iterdir() if (path / SEALED).exists()]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if TRAIL_NAME.fullmatch(name))

    def sizes(self) -> Position:
        """Entries in each trail, pruned ones included."""
        with self._lock:
            durable = self._durable() if self._durable is not None else {}
            sizes = {}
            for name in self.trails():
                size = self._fresh(name).size
                sizes[name] = min(size, durable.get(name, size))
            return sizes

    def first(self) -> Position:
        """The first index of each trail that is still there."""
        with self._lock:
            return {name: self._fresh(name).first for name in self.trails()}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        """Up to `limit` entries from `start` on, as they are hashed. Empty at the end.

        Raises NotFoundError where they were pruned.
        """
        with self._lock, refusals(self._folder):
            reader = self._known(trail)
            if start + limit > reader.size:
                reader.refresh()
            end = min(start + limit, self._end(reader))
            return reader.read(start, end) if 0 <= start < end else []

    def entry(self, trail: str, index: int) -> bytes:
        """One entry. Raises NotFoundError."""
        found = self.read(trail, index, 1)
        if not found:
            raise NotFoundError("not-found.entry", f"{trail}/{index} was not written yet")
        return found[0]

    def leaf_hash(self, trail: str, index: int) -> bytes:
        """The hash by which entry `index` stands in the tree."""
        return merkle.leaf_hash(self.entry(trail, index))

    def checkpoint(self, trail: str) -> bytes:
        """The latest signed note of a trail."""
        with self._lock, refusals(self._folder):
            return self._known(trail).checkpoint()

    def handovers(self, trail: str) -> list[Handover]:
        """Every hand-over of a trail to a new key, oldest first."""
        with self._lock, refusals(self._folder):
            return handovers_of(self._known(trail).folder)

    def checkpoint_of(self, trail: str, size: int) -> bytes:
        """The signed note of `size` entries of a trail, out of its history. Raises NotFoundError."""
        with self._lock, refusals(self._folder):
            note = note_of(self._known(trail).folder, size)
        if note is None:
            raise NotFoundError(
                "not-found.checkpoint",
                f"no checkpoint of {size:,} entries of {trail} was signed",
                hint="Name the size of one that was kept or shown, or leave it out for the latest.",
            )
        return note

    def witnessed(self, trail: str) -> bytes:
        """The latest note of a trail that witnesses cosigned; empty where there is none."""
        with self._lock, refusals(self._folder):
            return self._known(trail).witnessed()

    def prove(self, trail: str, index: int) -> str:
        """The `.tlog-proof` of an entry against the latest checkpoint; where witnesses cosigned one that
        covers it, against the latest of those.

        Raises NotFoundError while no checkpoint covers the entry, and TamperedError when what is on disk does
        not lead to the root that was signed: a proof that fails elsewhere is never handed out.
        """
        with self._lock, refusals(self._folder):
            reader = self._fresh(trail)
            note = reader.checkpoint()
            witnessed = reader.witnessed()
            if 0 <= index < witnessed_size(witnessed):
                note = witnessed
            checkpoint, _ = Checkpoint.from_note(note)
            if not 0 <= index < checkpoint.size:
                raise NotFoundError(
                    "not-found.entry",
                    f"{trail}/{index} is not under a checkpoint; the latest covers {checkpoint.size}",
                    hint="Checkpoints are signed every few seconds: try again.",
                )
            self._covers(reader, checkpoint)
            leaf = merkle.leaf_hash(reader.entry(index))
            hashes = prove_inclusion(index, checkpoint.size, reader.node)
            check_inclusion(index, checkpoint.size, leaf, hashes, checkpoint.root)
            return TlogProof(index, tuple(hashes), note).text

    def consistency(self, trail: str, old: int, new: int) -> list[bytes]:
        """Hashes that show the first `new` entries to begin with the first `old`; 0 < old <= new <= size."""
        with self._lock, refusals(self._folder):
            reader = self._fresh(trail)
            if not 0 < old <= new <= reader.size:
                raise NotFoundError("not-found.entry", f"{trail} has {reader.size} entries")
            try:
                return prove_consistency(old, new, reader.node)
            except NotFoundError as error:
                if not error.is_pruned:
                    raise
                # Of a pruned volume the hashes of its bundles are kept, and none below them.
                raise NotFoundError(
                    "not-found.pruned",
                    f"entries that a proof from {old:,} needs were pruned; kept from {reader.first:,}",
                    hint=f"Below that, sizes that are multiples of {TILE_WIDTH} can be proved.",
                ) from None

    def root(self, trail: str, size: int) -> bytes:
        """The root of the first `size` entries."""
        with self._lock, refusals(self._folder):
            reader = self._fresh(trail)
            if not 0 <= size <= reader.size:
                raise NotFoundError("not-found.entry", f"{trail} has {reader.size} entries")
            return range_hash(0, size, reader.node)

    def tile(self, trail: str, level: int | None, number: int, width: int) -> bytes:
        """A C2SP tile of `width` hashes, or with level None the bundle of so many entries.

        Raises NotFoundError where the latest checkpoint does not cover all of it: what is handed out can be
        checked against what was signed.
        """
        with self._lock, refusals(self._folder):
            reader = self._fresh(trail)
            checkpoint, _ = Checkpoint.from_note(reader.checkpoint())
            self._covers(reader, checkpoint)
            start, height = number * TILE_WIDTH, (level or 0) * TILE_LEVELS
            if (start + width) << height > checkpoint.size:
                raise NotFoundError(
                    "not-found.entry", f"the latest checkpoint of {trail} covers {checkpoint.size} entries"
                )
            if level is None:
                return records(reader.read(start, start + width))
            return b"".join(reader.node(height, start + place) for place in range(width))

    def close(self) -> None:
        """Let go of open files. The reader opens them again when it is asked again."""
        with self._lock:
            for reader in self._trails.values():
                reader.close()
            self._trails.clear()

    # --- within; the lock is held

    def _known(self, trail: str) -> TrailReader:
        reader = self._trails.get(trail)
        if reader is None:
            folder = self._folder / trail
            if TRAIL_NAME.fullmatch(trail) is None or not (folder / SEALED).exists():
                raise NotFoundError("not-found.trail", f"there is no trail {trail[:60]!r}")
            reader = self._trails[trail] = TrailReader(folder, volume_entries=self._entries)
            reader.refresh()
        return reader

    def _fresh(self, trail: str) -> TrailReader:
        reader = self._known(trail)
        try:
            with refusals(reader.folder):
                reader.refresh()
        except TamperedError:
            raise
        except LedgerError as error:
            if error.code != "ledger.format":
                raise
            raise TamperedError(error.what, trail=trail) from None
        return reader

    def _end(self, reader: TrailReader) -> int:
        if self._durable is None:
            return reader.size
        return min(reader.size, self._durable().get(reader.name, reader.size))

    @staticmethod
    def _covers(reader: TrailReader, checkpoint: Checkpoint) -> None:
        if checkpoint.size > reader.size:
            raise TamperedError(
                f"{checkpoint.size:,} entries were signed, and only the first {reader.size:,} can be read",
                trail=reader.name,
                index=reader.size,
            )
