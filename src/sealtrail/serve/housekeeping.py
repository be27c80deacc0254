"""What has to happen now and then: segments closed, volumes sealed, old volumes pruned."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sealtrail.collect.own import PRUNE
from sealtrail.collect.pipeline import Pipeline
from sealtrail.event import Fields, Position, base_of
from sealtrail.follow import Hub
from sealtrail.follow.worker import Worker
from sealtrail.ledger.held import Ranges
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.pruning import AUDIT
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.retaining import Planned, kept_days, planned
from sealtrail.serve.sparing import Sparing, disposing
from sealtrail.settings import RetentionSettings
from sealtrail.store.columnar import ColumnarStore

_log = logging.getLogger("sealtrail.housekeeping")

EVERY_SECONDS: Final = 1.0  # between two rounds: disk, segments, checkpoints
RETENTION_SECONDS: Final = 3600.0  # between two looks for volumes that are old enough to go


class Housekeeping(Worker):
    """One thread. A failure is logged and tried again next time: nothing here is needed for a receipt."""

    def __init__(
        self,
        trails: Path,
        settings: RetentionSettings,
        pipeline: Pipeline,
        ledger: LedgerReader,
        hub: Hub,
        store: ColumnarStore,
        sparing: Sparing,
        *,
        left: Sequence[Position] = (),
        volume_entries: int = VOLUME_ENTRIES,
    ) -> None:
        super().__init__("housekeeping")
        self._trails = trails
        self._settings = settings
        self._pipeline = pipeline
        self._ledger = ledger
        self._hub = hub
        self._store = store
        self._entries = volume_entries
        self._retained = -RETENTION_SECONDS
        self._left = tuple(left)
        # An operator may ask while the hourly look is at it: neither may announce what the other has.
        # Nor may a hold be placed between the last look for one and what is removed.
        self.lock = threading.RLock()
        self.sparing = sparing
        self._finished = False
        # trail -> (end, index of the event in audit, the holds that were in force, what was copied for them)
        self._announced: dict[str, tuple[int, int, frozenset[str], Ranges]] = {}
        self._disposing: dict[str, tuple[Ranges, int]] = {}  # trail -> (copies, index of the event in audit)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            self.once()

    def once(self) -> None:
        """One round. `run` calls it every second; tests call it when they want to see what it does."""
        for act in (
            self._maintain,
            self._pipeline.seal_pending,
            self.finish,
            self._retain_by_time,
            self.drop_announced,
        ):
            try:
                act()
            except Exception:  # the trouble of one, such as a broken index, must not let the disk fill up
                _log.exception("housekeeping failed; it is tried again")

    def _maintain(self) -> None:
        self._store.maintain(time.time())

    def _retain_by_time(self) -> None:
        if time.monotonic() - self._retained >= RETENTION_SECONDS:
            self.retain(datetime.now(UTC))
            self._retained = time.monotonic()

    def finish(self) -> None:
        """Once after a start: remove what a prune that a crash interrupted has left.

        The floor is in `pruned` before the first file goes, and only after its event was signed, so what lies
        below it is there by accident. The index may be older than that, as after a restore. What was only
        announced is planned anew: what a hold says may be another answer by now.
        """
        if self._finished:
            return
        with self.lock:
            for trail, first in self._ledger.first().items():
                if first:
                    self._store.forget(trail, first)
                    prune_volumes(self._trails / trail, first, volume_entries=self._entries)
            self.sparing.finish()
            self._finished = True

    def _seen(self, trail: str) -> int:
        """The slowest follower's place: of those that run here, and of those that have left theirs."""
        return min([self._hub.slowest(trail), *(position.get(trail, 0) for position in self._left)])

    def plan(self, now: datetime) -> list[Planned]:
        """What retention would remove now, by trail. Changes nothing."""
        return planned(
            self._ledger,
            self._trails,
            kept_days(self._settings),
            self._seen,
            now,
            spare=self.sparing.check,
            volume_entries=self._entries,
        )

    def retain(self, now: datetime, by: str = "") -> list[Planned]:
        """Announce which whole volumes are older than their trail's retention; what was announced.

        The announcement is an event, and a checkpoint has to cover it before anything is removed: a volume
        that is missing without one is tampering. So what is announced now is dropped at a later look.
        """
        with self.lock:
            found = self.plan(now)
            fresh = [one for one in found if one.end > max(one.first, self._announced_to(one.trail))]
            for one in fresh:
                self._announce(one, by)
            self._announce_disposals(by)
            return fresh

    def _announced_to(self, trail: str) -> int:
        return self._announced[trail][0] if trail in self._announced else 0

    def drop_announced(self) -> int:
        """Remove what an event says that is signed by now; of how many trails some still waits for that."""
        with self.lock:
            signed = self._pipeline.published(self._pipeline.trail("audit")) if self._waiting else 0
            for trail, (end, event, holds, held) in list(self._announced.items()):
                if signed > event:
                    if self._may_go(trail, holds, held):
                        self._drop(trail, end)
                    del self._announced[trail]
            for trail, (held, event) in list(self._disposing.items()):
                if signed > event:
                    self.sparing.remove(trail, held)
                    del self._disposing[trail]
            return self._waiting

    @property
    def _waiting(self) -> int:
        return len(self._announced.keys() | self._disposing.keys())

    def _may_go(self, trail: str, holds: frozenset[str], held: Ranges) -> bool:
        """The last look, under the lock: no hold came since it was announced, and the copies are good."""
        if self.sparing.in_force() - holds:
            _log.warning("%s: a legal hold was placed since a prune was announced: it is planned anew", trail)
        elif not self.sparing.is_copied(trail, held):
            _log.error("%s: what was copied for a legal hold is not there any more: nothing is pruned", trail)
        else:
            return True
        self._retained = -RETENTION_SECONDS
        return False

    def _drop(self, trail: str, end: int) -> None:
        # The index first: after a crash in between it names nothing that is gone.
        self._store.forget(trail, end)
        prune_volumes(self._trails / trail, end, volume_entries=self._entries)
        self._ledger.first()  # a look: what it remembers of them goes as well

    def _announce(self, one: Planned, by: str) -> None:
        in_force = self.sparing.in_force()
        spared = self.sparing.check(one.trail, one.first, one.end)
        # Copies first, then the event that names them, then the removal: there is never less than is said.
        self.sparing.copy(one.trail, spared.held)
        if base_of(one.trail) == AUDIT:
            for fields in self.sparing.again(one.trail, one.end):
                self._pipeline.record(fields).result()
        event = {
            "event.action": PRUNE,
            "event.type": ["deletion"],
            "event.reason": f"retention of {one.days} days ([retention] {base_of(one.trail)}-days)",
            "sealtrail.range.trail": one.trail,
            "sealtrail.range.first": one.first,
            "sealtrail.range.end": one.end,
            "sealtrail.range.root": base64_text(self._ledger.root(one.trail, one.end)),
            "sealtrail.details": {
                "oldest": one.oldest,
                "newest": one.newest,
                "volumes": one.volumes,
                "holds": spared.holds,
                **({"held": spared.held} if spared.held else {}),
            },
        }
        if by:
            event["user.id"] = by
        self._announced[one.trail] = (one.end, self._recorded(event), in_force, spared.held)

    def _announce_disposals(self, by: str) -> None:
        for trail, held in self.sparing.disposable().items():
            # What is about to be copied or removed is looked at when that is done.
            if trail not in self._disposing and trail not in self._announced:
                self._disposing[trail] = (held, self._recorded(disposing(trail, held, by)))

    def _recorded(self, event: Fields) -> int:
        """Record an event; its index in the audit trail."""
        return self._pipeline.record(event).result().receipts[0].ranges[0][0]
