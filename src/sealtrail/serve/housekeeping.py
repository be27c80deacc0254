"""What has to happen now and then: segments closed, volumes sealed, old volumes pruned."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sealtrail.collect.own import PRUNE
from sealtrail.collect.pipeline import Pipeline
from sealtrail.event import base_of, read
from sealtrail.follow import Hub
from sealtrail.follow.worker import Worker
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.prune import prunable, prune_volumes
from sealtrail.ledger.reader import LedgerReader
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
        *,
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
        self._announced: dict[str, tuple[int, int]] = {}  # trail -> (end, index of the event in audit)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            self.once()

    def once(self) -> None:
        """One round. `run` calls it every second; tests call it when they want to see what it does."""
        for act in (self._maintain, self._pipeline.seal_pending, self._retain_by_time, self.drop_announced):
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

    def retain(self, now: datetime) -> None:
        """Announce which whole volumes are older than their trail's retention, and drop what was announced.

        The announcement is an event, and a checkpoint has to cover it before anything is removed: a volume
        that is missing without one is tampering. So what is announced now is dropped at a later look.
        """
        keep = {"access": self._settings.access_days, "audit": self._settings.audit_days}
        for trail in self._ledger.trails():
            base = base_of(trail)
            if base not in keep:
                continue
            days = keep[base]
            end = self._expired(trail, now - timedelta(days=days))
            if end > max(self._ledger.first()[trail], self._announced.get(trail, (0, 0))[0]):
                self._announce(trail, end, base, days)

    def drop_announced(self) -> None:
        """Remove volumes whose prune event is signed."""
        for trail, (end, event) in list(self._announced.items()):
            if self._pipeline.published(self._pipeline.trail("audit")) > event:
                # The index first: after a crash in between it names nothing that is gone.
                self._store.forget(trail, end)
                prune_volumes(self._trails / trail, end, volume_entries=self._entries)
                del self._announced[trail]

    def _expired(self, trail: str, limit: datetime) -> int:
        """The first index whose volume must stay. Nothing goes that a follower has not seen."""
        size = min(self._ledger.sizes()[trail], self._hub.slowest(trail))
        end = self._ledger.first()[trail]
        # A volume may go when the entry after it is old enough as well: then all of it is.
        while end + self._entries < size:
            after = read(self._ledger.entry(trail, end + self._entries))
            if datetime.fromisoformat(after["event.ingested"]) > limit:
                break
            end += self._entries
        return prunable(self._trails / trail, end, volume_entries=self._entries)

    def _announce(self, trail: str, end: int, base: str, days: int) -> None:
        event = {
            "event.action": PRUNE,
            "event.type": ["deletion"],
            "event.reason": f"retention of {days} days ([retention] {base}-days)",
            "sealtrail.range.trail": trail,
            "sealtrail.range.first": self._ledger.first()[trail],
            "sealtrail.range.end": end,
        }
        receipt = self._pipeline.record(event).result()
        self._announced[trail] = (end, receipt.receipts[0].ranges[0][0])
