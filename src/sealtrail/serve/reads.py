"""Who read what: readings are events in the audit trail, a bounded number of them.

The first reading of a caller's query is recorded before its answer goes out. More of the same within a minute
are counted, and one more event says how many: a console that asks every second is two events a minute. A
reading never triggers itself, because only doors note readings.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final

import msgspec

from sealtrail.collect.own import READ
from sealtrail.errors import SealtrailError
from sealtrail.event import Fields, Receipt
from sealtrail.follow.worker import Worker
from sealtrail.scrub import text as scrubbed

_log = logging.getLogger("sealtrail.reads")

WINDOW_SECONDS: Final = 60.0  # in which the same reading is only counted
LOOK_SECONDS: Final = 1.0  # between two looks for windows that are over
MAX_OPEN: Final = 10_000  # readings within their minute; beyond it the oldest are recorded at once
MAX_QUERY: Final = 1_000  # characters of a query that are kept, twice: as it was asked, and for people


class Reading(msgspec.Struct, frozen=True):
    """What one reading was: who, by which door, from where, for what. Equal ones are counted together."""

    by: str
    role: str
    door: str
    client: str
    asked: tuple[tuple[str, str], ...]


class Reads(Worker):
    """`note` may be called from any thread. `record` is the pipeline's."""

    def __init__(
        self, record: Callable[[Fields], Future[Receipt]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("reads")
        self._record = record
        self._clock = clock
        self._lock = threading.Lock()
        self._since: OrderedDict[Reading, float] = OrderedDict()  # readings within their minute, oldest first
        self._untold: Counter[Reading] = Counter()  # readings that no event speaks of yet

    def note(self, reading: Reading) -> Future[Receipt] | None:
        """A future that resolves when the reading is durable; None where it is only counted, or cannot be.

        A reading is not refused because the writer is behind: an attack that fills the queue must not blind
        who looks into it. What could not be recorded is counted, and recorded when there is room.
        """
        with self._lock:
            if reading in self._since:
                self._untold[reading] += 1
                return None
            self._since[reading] = self._clock()
            while len(self._since) > MAX_OPEN:
                self._tell(self._since.popitem(last=False)[0])
            try:
                return self._record(_event(reading, 1, repeated=False))
            except SealtrailError as error:
                _log.warning("a reading by %s is recorded later: %s", reading.by, error.what)
                self._untold[reading] += 1
                return None

    def flush(self, before: float = float("inf")) -> None:
        """End the minutes that began before a moment, and record what was repeated in them."""
        with self._lock:
            while self._since and next(iter(self._since.values())) <= before:
                reading, since = self._since.popitem(last=False)
                if not self._tell(reading):
                    self._since[reading] = since
                    self._since.move_to_end(reading, last=False)
                    break

    def _tell(self, reading: Reading) -> bool:
        """Record how often it was repeated; False where the writer does not take it now."""
        count = self._untold[reading]
        try:
            if count:
                self._record(_event(reading, count, repeated=True))
        except SealtrailError as error:
            _log.warning("readings by %s cannot be recorded: %s", reading.by, error.what)
            return False
        del self._untold[reading]
        return True

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.flush(self._clock() - WINDOW_SECONDS)
        self.flush()


def asked(parameters: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Parameters as they are kept: scrubbed, for people search for what they have in their hands."""
    kept = []
    for name, value in parameters.items():
        if value != "":
            kept.append((name, scrubbed(str(value)[:MAX_QUERY], "sealtrail.details", keep=("email",))[0]))
    return tuple(kept)


def _event(reading: Reading, count: int, *, repeated: bool) -> Fields:
    words = " ".join(f"{name}={value}" for name, value in reading.asked)
    event: Fields = {
        "event.action": READ,
        "event.category": ["database"],
        "message": f"{reading.door} {words}" + (f" ({count} more within a minute)" if repeated else ""),
        "event.type": ["access"],
        "user.id": reading.by,
        "user.roles": [reading.role],
        "sealtrail.details": {
            "door": reading.door,
            **dict(reading.asked),
            "count": count,
            "repeated": repeated,
        },
    }
    if reading.client:
        event["client.ip"] = reading.client
    return event
