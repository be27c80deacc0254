"""What a process could not record, until it can say so: an event of its own in the audit trail.

A hole in the numbers says that something is missing. This says what kind it was, since when, and why.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import uuid_utils

from sealtrail.event.codec import encode
from sealtrail.event.model import constants

LOSS: Final = "capture.loss"
NO_CONSTANTS: Final = constants("")

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
# A cause is a sentence of ours with an error of the system; beyond these the rest is `other`.
_MAX_CAUSES: Final = 8


class Losses:
    """What was lost and not yet told. `access` and `audit` count events that used up their number, `refused`
    requests that the application never saw, because they could not have been recorded.
    """

    __slots__ = ("access", "audit", "causes", "refused", "since")

    def __init__(self) -> None:
        self.access = 0
        self.audit = 0
        self.refused = 0
        self.causes: dict[str, int] = {}
        self.since: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None

    def add(self, cause: str, *, audit: bool, count: int = 1) -> None:
        """An event is lost, or as many as `count`."""
        if audit:
            self.audit += count
        else:
            self.access += count
        self._because(cause, count)

    def refuse(self, cause: str) -> None:
        """One request is refused."""
        self.refused += 1
        self._because(cause, 1)

    def _because(self, cause: str, count: int) -> None:
        if not count:
            return
        if self.since is None:
            self.since = datetime.now(UTC)
        if cause not in self.causes and len(self.causes) >= _MAX_CAUSES:
            cause = "other"
        self.causes[cause] = self.causes.get(cause, 0) + count

    def line(self, described: bytes) -> bytes:
        """The event, up to where the spool's own fields belong. `described`: the constants of the process."""
        now = datetime.now(UTC)
        since = min(self.since or now, now)  # the clock may have been set back meanwhile
        lost = self.access + self.audit
        said = [f"{lost} events could not be recorded"] if lost else []
        if self.refused:
            said.append(f"{self.refused} requests were refused because they could not have been")
        event = {
            "@timestamp": now.strftime(_TIME),
            "event.id": str(uuid_utils.uuid7()),
            "sealtrail.kind": "audit",
            "event.kind": "event",
            "event.category": ["process"],
            "event.type": ["error"],
            "event.action": LOSS,
            "event.outcome": "failure",
            "event.reason": f"{', '.join(said)}: {'; '.join(self.causes)}",
            "event.start": since.strftime(_TIME),
            "sealtrail.details": {
                "access": self.access,
                "audit": self.audit,
                "refused": self.refused,
                "causes": dict(self.causes),
            },
        }
        return encode(event)[:-1] + described
