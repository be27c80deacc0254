"""Holds a collector to what it signed: each checkpoint is verified, kept, and goes on from the last one.

For each trail `keys/<trail>.vkey` (taken on first use, or put there by hand) and `checkpoints/<trail>`. A
trail that was handed over to a new key is followed from the pinned key by what that key signed, by nothing
else. A collector that shows another past than it has shown before is not sent another event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, SealtrailError, TamperedError, UsageError
from sealtrail.event import Range
from sealtrail.follow.state import save
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.handover import Keychain, handovers_in
from sealtrail.ledger.layout import TILE_LEVELS, TILE_WIDTH, TRAIL_NAME, tile_path
from sealtrail.ledger.merkle import HASH_BYTES, climb
from sealtrail.ledger.note import Note, VerifyKey
from sealtrail.ledger.proof import check_consistency, prove_consistency
from sealtrail.ship.line import Line
from sealtrail.ship.reporting import CONTRADICTIONS

_log = logging.getLogger("sealtrail.ship")

# Between two checks of one trail: a checkpoint that is made meanwhile is held against the next one.
CHECK_SECONDS: Final = 5.0


class Unanswered(Exception):  # noqa: N818 - nothing is wrong yet: it is asked again with the next receipt
    """The collector did not give what a check needs."""


class Pins:
    """The pins of one collector, in one folder. Used by one thread.

    `then` says what a divergence keeps its caller from.
    `counts`: checkpoints that were held against the one before, and checks that could not be made.
    """

    def __init__(
        self,
        folder: Path,
        line: Line,
        *,
        then: str = "Nothing more is sent.",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._then = then
        self.folder = folder
        self._line = line
        self._clock = clock
        self._due: dict[str, float] = {}
        self._told: set[str] = set()
        self.is_news = False
        """Whether a divergence was seen that had not been seen before."""
        self.counts = {"checkpoints": 0, "unchecked": 0}

    def look(self) -> None:
        """Ask for the checkpoint of every trail that is pinned. Raises TamperedError."""
        for path in sorted((self.folder / "checkpoints").glob("*")):
            if TRAIL_NAME.fullmatch(path.name):
                self._guarded(path.name, b"")

    def learn(self, receipts: Iterable[Range], *, all_of_them: bool = False) -> None:
        """Hold the checkpoints of receipts against what is pinned. Raises TamperedError.

        Of each trail one now and then, unless `all_of_them`.
        """
        last = {one.trail: one.checkpoint.encode() for one in receipts if TRAIL_NAME.fullmatch(one.trail)}
        for trail, note in last.items():
            if all_of_them or self._clock() >= self._due.get(trail, float("-inf")):
                self._guarded(trail, note)

    def _guarded(self, trail: str, note: bytes) -> None:
        """Hold a note, the latest where none is given, against what is pinned."""
        try:
            note = note or self._get(f"/trails/{trail}/checkpoint")
            self._hold(trail, note)
        except TamperedError as error:
            raise self._diverged(trail, note, error) from None
        except (Unanswered, SealtrailError) as error:
            self.counts["unchecked"] += 1
            if trail not in self._told:
                self._told.add(trail)
                _log.warning("the checkpoint of %s could not be checked: %s", trail, error)
        else:
            self._told.discard(trail)
            self._due[trail] = self._clock() + CHECK_SECONDS

    def _hold(self, trail: str, note: bytes) -> None:
        place = self.folder / "checkpoints" / trail
        pinned = place.read_bytes() if place.exists() else b""
        if note == pinned:
            return
        try:
            new, signed = Checkpoint.from_note(note)
        except LedgerError as error:
            raise TamperedError(f"what it gives as a checkpoint is none: {error.what}") from None
        key, fresh = self._key(trail, new.origin)
        old = Checkpoint.from_note(pinned)[0] if pinned else None
        now = self._signer(trail, key, old, new, signed)
        if old is not None:
            self._goes_on(trail, old, new)
        if now != key:
            _log.warning("%s was handed over to a new key, and the old one signed it: %s", trail, now.text)
            fresh, key = True, now
        if fresh:
            save(self.folder / "keys" / f"{trail}.vkey", f"{key.text}\n".encode())
        save(place, note)
        self.counts["checkpoints"] += 1

    def _key(self, trail: str, origin: str) -> tuple[VerifyKey, bool]:
        """The pinned key; without one the collector's own, which is pinned once it has signed."""
        path = self.folder / "keys" / f"{trail}.vkey"
        fresh = not path.exists()
        text = self._get(f"/trails/{trail}/vkey") if fresh else path.read_bytes()
        try:
            key = VerifyKey.from_text(text.decode().strip())
        except (LedgerError, UnicodeDecodeError):
            raise UsageError(
                "remote.answer" if fresh else "usage.path",
                f"the public key of {trail} cannot be read",
                hint="" if fresh else f"Put the collector's keys/{trail}.vkey at {path}.",
            ) from None
        if key.name != origin:
            raise TamperedError(f"the checkpoint is of {origin!r}, the key of {key.name!r}")
        return key, fresh

    def _signer(
        self, trail: str, key: VerifyKey, old: Checkpoint | None, new: Checkpoint, signed: Note
    ) -> VerifyKey:
        """The pinned key where it signed, else the one that it handed the trail over to."""
        try:
            Keychain.of([key]).check(signed, new.size)
        except TamperedError as error:
            unknown = error
        else:
            return key
        try:
            chain = Keychain.of([key], handovers_in(self._get(f"/trails/{trail}/handovers")))
        except LedgerError as error:
            raise TamperedError(f"its hand-overs to new keys do not hold: {error.what}") from None
        if not chain.handovers:
            raise unknown
        chain.check(signed, new.size)
        for one in chain.handovers:
            if one.size > new.size:
                break
            if old is not None and one.old == key and one.size < old.size:
                # The pinned key signed more after it had given the trail away: two logs of one name.
                raise TamperedError(
                    f"it was handed over at {one.size:,} entries, and the old key signed more"
                )
            self._goes_on(trail, Checkpoint(new.origin, one.size, one.root), new)
        return next(span.key for span in reversed(chain.spans) if span.holds(new.size))

    def _goes_on(self, trail: str, old: Checkpoint, new: Checkpoint) -> None:
        if old.origin != new.origin:
            raise TamperedError(f"it calls itself {new.origin!r} now, and was {old.origin!r}")
        if new.size < old.size:
            raise TamperedError(f"it signed {old.size:,} entries and now shows {new.size:,}")
        if old.size == 0:
            return
        proof = (
            []
            if old.size == new.size
            else prove_consistency(
                old.size, new.size, lambda level, index: self._node(trail, new.size, level, index)
            )
        )
        check_consistency(old.size, new.size, old.root, new.root, proof)

    def _node(self, trail: str, size: int, level: int, index: int) -> bytes:
        """The hash of a complete subtree, from the tile that holds what is below it."""
        tile, above = divmod(level, TILE_LEVELS)
        first = index << above
        number, at = divmod(first, TILE_WIDTH)
        width = min(TILE_WIDTH, (size >> (tile * TILE_LEVELS)) - number * TILE_WIDTH)
        data = self._get(f"/trails/{trail}/{tile_path(tile, number, width)}")
        if len(data) != width * HASH_BYTES:
            raise TamperedError(f"a tile has {len(data)} bytes, not {width * HASH_BYTES}")
        hashes = [
            data[n : n + HASH_BYTES]
            for n in range(at * HASH_BYTES, (at + (1 << above)) * HASH_BYTES, HASH_BYTES)
        ]
        return climb(hashes, above)[0]

    def _get(self, path: str) -> bytes:
        answer = self._line.ask("GET", path)
        if answer.status != 200:
            raise Unanswered(f"{path} is answered with {answer.status}")
        return answer.body

    def _diverged(self, trail: str, note: bytes, error: TamperedError) -> TamperedError:
        """Keep what was shown, and say what there is to do. Both statements together are the evidence."""
        if note:
            shown = self.folder / CONTRADICTIONS / f"{trail}.{sha256(note).hexdigest()[:16]}"
            if not shown.exists():
                save(shown, note)
                self.is_news = True
        return TamperedError(
            f"{self._line.remote.name} contradicts what it signed before, in {trail}: {error.what}",
            trail=trail,
            hint=(
                f"{self._then} Both statements are kept in "
                f"{self.folder}: checkpoints/{trail} and diverged/. If it was restored from a backup and you "
                f"accept what that lost, remove checkpoints/{trail} and start again."
            ),
        )
