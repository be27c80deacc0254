"""Who stopped sending: sources that sent regularly and do not any more. Pure: time is an argument.

A source is a service under the name it gives itself. It is silent when nothing came from it for `after`
seconds, and for twice as long as its longest pause of the past week: a shop that sleeps at night is missed
once, and the night is its pause from then on. Not silent is who never sent regularly, and who said
`sys_shutdown` last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

import msgspec

from sealtrail.event import Entry

SHUTDOWN: Final = "sys_shutdown"
HEARD_KINDS: Final = frozenset({"request", "outbound", "authentication", "audit"})
MAX_SOURCES: Final = 1_000  # services that are watched: who was not heard for longest goes first
MAX_EMITTERS: Final = 256  # processes of one service: beyond it the oldest counts as gone
PAUSE_DAYS: Final = 7  # that a pause is remembered
DAY_SECONDS: Final = 86_400  # pauses are kept by day


class Source(msgspec.Struct):
    """One service. Times are seconds of the epoch, by the collector's clock. `pauses`: each day's longest.

    `running`: when processes were heard last that have not said that they stop.
    """

    first: float
    last: float
    events: int = 0
    pauses: dict[int, float] = {}
    running: dict[str, float] = {}
    told: float = 0.0  # `last` when its silence was told; 0 where it was not


class Silent(msgspec.Struct, frozen=True):
    """A source that stopped, or (`back`) that is heard again. Times are seconds of the epoch."""

    name: str
    since: float
    events: int
    pause: float
    back: bool = False


class Watch:
    """Hears entries in commit order; `due` says who is silent now."""

    def __init__(
        self,
        *,
        after: float,
        events: int,
        ignore: Collection[str] = (),
        sources: dict[str, Source] | None = None,
    ) -> None:
        self._after = after
        self._events = events
        self._ignore = frozenset(ignore)
        self._sources: OrderedDict[str, Source] = OrderedDict(sources or {})
        self._back: list[Silent] = []
        self._floor = float("-inf")

    def hear(self, entry: Entry, arrived: float) -> None:
        """Take an entry that arrived at a time, which never goes back."""
        fields = entry.fields
        name = fields.get("service.name")
        if (
            fields.get("sealtrail.kind") not in HEARD_KINDS
            or fields.get("sealtrail.import") is True
            or not isinstance(name, str)
            or not name
            or name in self._ignore
        ):
            return
        known = self._sources.get(name)
        if known is None:
            known = self._sources[name] = Source(arrived, arrived)
            if len(self._sources) > MAX_SOURCES:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(name)
        if known.told:
            self._back.append(Silent(name, known.last, known.events, _longest(known), back=True))
            known.told = 0.0
        day = int(arrived // DAY_SECONDS)
        # What stood still on our side was no pause of theirs.
        pause = arrived - max(known.last, min(self._floor, arrived))
        if pause > known.pauses.get(day, 0.0):
            known.pauses[day] = pause
            for old in [one for one in known.pauses if one <= day - PAUSE_DAYS]:
                del known.pauses[old]
        known.last = arrived
        known.events += 1
        emitter = str(fields.get("sealtrail.emitter", ""))
        if fields.get("event.action") == SHUTDOWN:
            known.running.pop(emitter, None)
        else:
            known.running[emitter] = arrived
            if len(known.running) > MAX_EMITTERS:
                del known.running[min(known.running, key=known.running.__getitem__)]

    def forgive(self, now: float) -> None:
        """Time up to `now` counts as nobody's silence: we were away, or took nothing."""
        self._floor = max(self._floor, now)

    def due(self, now: float) -> list[Silent]:
        """Sources that fell silent or came back since the last call. Each silence is told once."""
        told, self._back = self._back, []
        if not self._after:
            return []
        for name, known in self._sources.items():
            if known.told or known.events < self._events:
                continue
            # A process that was replaced long before, at a deployment, has no part in how it ended.
            if not any(heard >= known.last - self._after for heard in known.running.values()):
                continue
            if known.last - known.first < self._after:
                continue  # a job that ran once has nothing to go on with
            pause = _longest(known)
            if now - max(known.last, self._floor) > max(self._after, 2 * pause):
                known.told = known.last
                told.append(Silent(name, known.last, known.events, pause))
        return told

    def untold(self, silent: Silent) -> None:
        """A silence that could not be recorded is due again."""
        known = self._sources.get(silent.name)
        if known is not None and not silent.back and known.last == silent.since:
            known.told = 0.0

    def sources(self) -> dict[str, Source]:
        """All there is to keep."""
        return dict(self._sources)


def _longest(known: Source) -> float:
    return max(known.pauses.values(), default=0.0)
