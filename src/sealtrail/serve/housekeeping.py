"""What has to happen now and then: segments closed, volumes sealed, old volumes pruned."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sealtrail.collect.own import PRUNE
from sealtrail.errors import SealtrailError
from sealtrail.event import read
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.prune import prune_volumes

if TYPE_CHECKING:
    from sealtrail.serve.writing import Collector

_log = logging.getLogger("sealtrail.housekeeping")

EVERY_SECONDS: Final = 1.0
RETENTION_SECONDS: Final = 3600.0


class Housekeeping:
    """One thread. A failure is logged and tried again next time: nothing here is needed for a receipt."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._stopping = threading.Event()
        self._retained = -RETENTION_SECONDS
        self._thread = threading.Thread(target=self._run, name="sealtrail-housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            try:
                self.once()
            except (SealtrailError, OSError):
                _log.exception("housekeeping failed; it is tried again")

    def once(self) -> None:
        collector = self._collector
        collector.store.maintain(time.time())
        for log in collector.logs.values():
            log.seal_pending()
        if time.monotonic() - self._retained >= RETENTION_SECONDS:
            self._retained = time.monotonic()
            self.retain(datetime.now(UTC))

    def retain(self, now: datetime) -> dict[str, int]:
        """Prune whole sealed volumes that are older than their trail's retention; first index kept, by trail.

        The event that says so is durable before anything is removed, so a missing volume without one is
        tampering. Nothing is removed that a follower has not seen.
        """
        settings = self._collector.settings.retention
        kept = {}
        for trail, days in (("access", settings.access_days), ("audit", settings.audit_days)):
            end = self._expired(trail, now - timedelta(days=days))
            kept[trail] = end
            if end > self._collector.ledger.first()[trail]:
                self._prune(trail, end, days)
        return kept

    def _expired(self, trail: str, limit: datetime) -> int:
        """The first index whose volume must stay."""
        ledger = self._collector.ledger
        first, size = ledger.first()[trail], ledger.sizes()[trail]
        floor = min(self._collector.hub.slowest(trail), self._collector.logs[trail].published)
        end = first
        # A volume may go when the entry after it is old enough as well: then all of it is.
        while end + VOLUME_ENTRIES < min(size, floor):
            after = read(ledger.entry(trail, end + VOLUME_ENTRIES))
            if datetime.fromisoformat(after["event.ingested"]) > limit:
                break
            end += VOLUME_ENTRIES
        return end

    def _prune(self, trail: str, end: int, days: int) -> None:
        first = self._collector.ledger.first()[trail]
        event = {
            "event.action": PRUNE,
            "event.type": ["deletion"],
            "event.reason": f"retention of {days} days ([retention] {trail}-days)",
            "sealtrail.range.trail": trail,
            "sealtrail.range.first": first,
            "sealtrail.range.end": end,
        }
        self._collector.pipeline.record(event).result()
        prune_volumes(self._collector.folder.trails / trail, end)
        self._collector.store.forget(trail, end)
