"""Who read what: readings are events in the audit trail, a bounded number of them.

The first reading of a caller's query is recorded before its answer goes out. More of the same within a minute
are counted, and one more event says how many: a console that asks every second is two events a minute. A
reading never triggers itself, because only doors note readings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final

import msgspec

from sealtrail.collect.own import READ
from sealtrail.event import Fields, Receipt
from sealtrail.scrub import text as scrubbed
from sealtrail.serve.repeats import Repeats

WINDOW_SECONDS: Final = 60.0  # in which the same reading is only counted
MAX_QUERY: Final = 1_000  # characters of a query that are kept, twice: as it was asked, and for people


class Reading(msgspec.Struct, frozen=True):
    """What one reading was: who, by which door, from where, for what. Equal ones are counted together."""

    by: str
    role: str
    door: str
    client: str
    asked: tuple[tuple[str, str], ...]


class Reads(Repeats[Reading]):
    """Readings. `record` is the pipeline's."""

    def __init__(
        self, record: Callable[[Fields], Future[Receipt]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("reads", record, _event, WINDOW_SECONDS, clock=clock)


def asked(parameters: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Parameters as they are kept: scrubbed, for people search for what they have in their hands."""
    kept = []
    for name, value in parameters.items():
        if value != "":
            kept.append((name, scrubbed(str(value)[:MAX_QUERY], "sealtrail.details", keep=("email",))[0]))
    return tuple(kept)


def _event(reading: Reading, count: int, repeated: bool) -> Fields:
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
