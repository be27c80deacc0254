"""Lines that claim a number which stands in the ledger with other bytes: told in the ledger, and not often.

The line itself is kept aside in the quarantine, which is bounded and no evidence. That it came is a fact, so
it is an event: the first at once, the ones that follow in one event a minute. A producer that repeats its
conflict for ever must not fill the ledger with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sealtrail.collect.own import CONFLICT
from sealtrail.event import Fields
from sealtrail.event.limits import MAX_EMITTER

TOLD_SECONDS: Final = 60.0  # between two events that tell of conflicts
MAX_TOLD_SOURCES: Final = 32  # named in one event; the others are counted together


class Conflicts:
    """What is not told yet. Used by the writer's thread alone."""

    def __init__(self) -> None:
        self._sources: dict[str, int] = {}
        self._first: tuple[str, int] | None = None
        self._told: datetime | None = None

    def __bool__(self) -> bool:
        return self._first is not None

    def add(self, source: str, emitter: str, seq: int) -> None:
        """One line of a source was kept aside."""
        if source not in self._sources and len(self._sources) >= MAX_TOLD_SOURCES:
            source = "other"
        self._sources[source] = self._sources.get(source, 0) + 1
        self._first = self._first or (emitter, seq)

    def due(self, now: datetime, *, last: bool = False) -> Fields | None:
        """The event to write now, or None. `last`: nothing comes after it, so it does not wait."""
        if self._first is None:
            return None
        # A clock that was set back must not keep it untold.
        if not last and self._told is not None:
            age = now - self._told
            if timedelta(0) <= age < timedelta(seconds=TOLD_SECONDS):
                return None
        count = sum(self._sources.values())
        emitter, seq = self._first
        event: Fields = {
            "event.action": CONFLICT,
            "event.outcome": "failure",
            "event.reason": f"lines that claim a number of the ledger with other bytes: {count}, kept aside",
            "sealtrail.range.emitter": emitter[:MAX_EMITTER],
            "sealtrail.range.first": seq,
            "sealtrail.range.end": seq + 1,
            "sealtrail.details": {"conflicts": count, "sources": self._sources},
        }
        self._sources, self._first, self._told = {}, None, now
        return event
