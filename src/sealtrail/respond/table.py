"""Who is blocked until when, and who was before. Pure: made of block events, and of nothing else."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sealtrail.event import Fields

BLOCK: Final = "sealtrail.block"
UNBLOCK: Final = "sealtrail.unblock"
REFUSED: Final = "sealtrail.block.refused"

MAX_ACTIVE: Final = 50_000  # blocks at one time: applications read the whole list
MAX_OFFENDERS: Final = 50_000  # addresses whose earlier blocks are remembered
MAX_CAUSES: Final = 50_000  # alerts that are remembered to have been acted upon
MEMORY_SECONDS: Final = 86_400.0  # who was quiet for a day begins at the first step again


class Active(msgspec.Struct, frozen=True):
    """One block. Times are seconds of the epoch. `cause`: the alert's id, empty for an operator's block."""

    address: str
    since: float
    until: float
    id: str
    cause: str
    reason: str
    by: str
    simulated: bool


class Offender(msgspec.Struct, frozen=True):
    """How often an address was blocked by alerts, and when the last of those blocks ends."""

    times: int
    until: float


class Snapshot(msgspec.Struct):
    """All of a table, for a file."""

    active: list[Active] = []
    offenders: dict[str, Offender] = {}
    causes: list[str] = []


class Table:
    """Applies block events in order. Applying one twice changes nothing."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        given = snapshot or Snapshot()
        self._active: dict[str, Active] = {one.address: one for one in given.active}
        self._offenders: OrderedDict[str, Offender] = OrderedDict(given.offenders)
        self._causes: OrderedDict[str, None] = OrderedDict.fromkeys(given.causes)

    def apply(self, fields: Fields) -> bool:
        """Take a block, unblock or refused event; False for any other."""
        action = fields.get("event.action")
        if action not in (BLOCK, UNBLOCK, REFUSED):
            return False
        cause = str(fields.get("sealtrail.block.cause", ""))
        address = str(fields.get("sealtrail.block.address", ""))
        if action == UNBLOCK:
            self._active.pop(address, None)
            return True
        known = cause in self._causes
        if cause:
            self._causes[cause] = None
            while len(self._causes) > MAX_CAUSES:
                self._causes.popitem(last=False)
        until = _seconds(fields.get("sealtrail.block.until"))
        if action == REFUSED or until is None or not address:
            return True
        since = _seconds(fields.get("@timestamp")) or 0.0
        self._active[address] = Active(
            address=address,
            since=since,
            until=until,
            id=str(fields.get("event.id", "")),
            cause=cause,
            reason=str(fields.get("event.reason", "")),
            by=str(fields.get("user.id", "")),
            simulated=fields.get("sealtrail.block.simulated") is True,
        )
        while len(self._active) > MAX_ACTIVE:  # the one that ends first is missed least
            del self._active[min(self._active, key=lambda a: self._active[a].until)]
        if cause and not known:
            before = self._offenders.pop(address, None)
            times = before.times + 1 if before and since - before.until < MEMORY_SECONDS else 1
            self._offenders[address] = Offender(times, until)
            while len(self._offenders) > MAX_OFFENDERS:
                self._offenders.popitem(last=False)
        return True

    def was_decided(self, cause: str) -> bool:
        """True where an alert has had its answer, also before a restart."""
        return cause in self._causes

    def step(self, address: str, now: float) -> int:
        """How often this address was blocked lately: 0 for a first offender."""
        found = self._offenders.get(address)
        return found.times if found is not None and now - found.until < MEMORY_SECONDS else 0

    def get(self, address: str, now: float) -> Active | None:
        found = self._active.get(address)
        return found if found is not None and found.until > now else None

    def active(self, now: float) -> list[Active]:
        """Blocks that have not ended, the oldest first. Those that have are let go of."""
        for address in [a for a, one in self._active.items() if one.until <= now]:
            del self._active[address]
        return sorted(self._active.values(), key=lambda one: (one.since, one.address))

    def snapshot(self) -> Snapshot:
        return Snapshot(list(self._active.values()), dict(self._offenders), list(self._causes))


def _seconds(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
