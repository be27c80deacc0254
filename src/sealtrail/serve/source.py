"""Where a command asks: a folder on this machine, or a collector elsewhere. The answers are the same.

The protocols are what a command needs; `Here` and `Elsewhere` are the two that answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from sealtrail.serve.rows import Row
from sealtrail.web.protocols import Selected

if TYPE_CHECKING:
    from sealtrail.comply.report import Report
    from sealtrail.respond.alerts import Known
    from sealtrail.serve.alerting import Alerting, Why
    from sealtrail.serve.evidence import Proved
    from sealtrail.serve.holding import Wanted as Wanting
    from sealtrail.serve.reading import Reading
    from sealtrail.serve.reporting import Wanted

FOLLOW_SECONDS: Final = 0.2  # between two looks into a folder that is followed


class Where(msgspec.Struct, frozen=True):
    """What the options of a command name. An empty `url` means the folder."""

    data: Path
    url: str = ""
    key: str = ""
    insecure: bool = False
    pin: bool = True  # hold a collector elsewhere to what it signed before


class Looking(Protocol):
    """Reading. Raises QueryError."""

    def search(self, query: str, since: str, until: str, limit: int, *, raw: bool = False) -> list[Row]:
        """The newest that match, newest first. With `raw` only `data` of a row has to be right."""
        ...

    def tail(
        self, query: str, limit: int, *, follow: bool, raw: bool, told: Callable[[str], None]
    ) -> Iterator[list[Row]]:
        """The latest `limit`, oldest first, and with `follow` what comes after. `told` is for notices."""
        ...

    def count(self, query: str, since: str, until: str) -> int: ...

    def count_by(
        self, query: str, field: str, since: str, until: str, limit: int
    ) -> list[tuple[Any, int]]: ...

    def periods(self, query: str, every: str, since: str, until: str) -> list[tuple[str, int]]:
        """(start, events) of each period of a length that has any."""
        ...

    def select(self, statement: str, since: str, until: str, rows: int, seconds: float) -> Selected:
        """The answer to one SELECT; through a door it takes the right to export. Raises BusyError."""
        ...


class Proving(Protocol):
    """Evidence. Raises NotFoundError."""

    def prove(self, place: str) -> Proved:
        """The proof of an entry, by its address or its event.id."""
        ...

    def consistency(self, trail: str, old: int, new: int | None) -> bytes:
        """A proof from the first `old` entries to the checkpoint of `new`, None: to the latest."""
        ...

    def export(self, query: str, since: str, until: str, *, raw: bool) -> Iterator[bytes]:
        """All that match, oldest first, a line each. Recorded."""
        ...

    def export_trail(self, trail: str, target: Path) -> int:
        """A whole trail as C2SP tlog-tiles into an empty folder; how many entries. Recorded."""
        ...


class Acting(Protocol):
    """The hand on the lever; who acts is recorded. Raises UsageError for what cannot be done."""

    def blocks(self) -> list[dict[str, Any]]:
        """What is refused now; times are RFC 3339."""
        ...

    def block(self, address: str, duration: str, reason: str) -> dict[str, Any]: ...

    def unblock(self, address: str, reason: str) -> bool: ...


class Triaging(Protocol):
    """The alert book. Raises NotFoundError."""

    def newest(self, state: str, level: str, rule: str, limit: int) -> Sequence[Known]: ...

    def why(self, identity: str, rules: Sequence[Path]) -> Why:
        """Why an alert was raised. `rules`: those a folder is asked with beside the pack."""
        ...

    def triage(self, verb: str, identities: Sequence[str], reason: str) -> dict[str, list[str]]:
        """`ack`, `close` or `reopen`: {"changed": ids, "unchanged": ids}."""
        ...


class Complying(Protocol):
    """Reports, reviews and retention. Raises NotFoundError, QueryError, UsageError."""

    def report(self, wanted: Wanted, out: Path) -> tuple[Report, str]:
        """Make a report and write it into a new or an empty folder; why it is not recorded, if so."""
        ...

    def days(self, since: str, until: str) -> list[dict[str, Any]]:
        """Every calendar day and what became of its review."""
        ...

    def sign(self, day: str, note: str) -> tuple[dict[str, Any], str]:
        """Sign for a day: the event, and its address."""
        ...

    def retention(self) -> list[dict[str, Any]]:
        """What would go now, by trail."""
        ...


class Holding(Protocol):
    """Legal holds. Raises NotFoundError, QueryError, UsageError."""

    def holds(self) -> list[dict[str, Any]]:
        """Those in force, then those that were released."""
        ...

    def hold(self, wanted: Wanting) -> dict[str, Any]: ...

    def release(self, name: str, reason: str) -> dict[str, Any]: ...


class Source(Looking, Proving, Acting, Triaging, Complying, Holding, Protocol):
    """All of it."""


def source(where: Where) -> Source:
    """Who answers. Raises UsageError for a URL or key that cannot be used; nothing is asked yet."""
    if where.url:
        from sealtrail.serve.client import Client
        from sealtrail.serve.elsewhere import Elsewhere

        if not where.pin:
            return Elsewhere(Client(where.url, where.key, insecure=where.insecure))
        from sealtrail.serve.pinned import Holding

        return Elsewhere(
            Client(
                where.url,
                where.key,
                insecure=where.insecure,
                first=lambda remote: Holding(remote, where.key)(),
            )
        )
    return Here(where.data)


class Here:
    """A data folder on this machine. Modules are loaded when asked: the index takes longest."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def search(self, query: str, since: str, until: str, limit: int, *, raw: bool = False) -> list[Row]:  # noqa: ARG002 - rows have both
        return self._reading().search(query, since, until, limit)

    def tail(
        self,
        query: str,
        limit: int,
        *,
        follow: bool,
        raw: bool,  # noqa: ARG002 - as above
        told: Callable[[str], None],  # noqa: ARG002 - a folder has nothing to tell
    ) -> Iterator[list[Row]]:
        reading = self._reading()
        rows, position = reading.latest(query, limit)
        yield rows[::-1]
        while follow:
            time.sleep(FOLLOW_SECONDS)
            for rows, end in reading.news(position, query):
                yield rows
                position = end

    def count(self, query: str, since: str, until: str) -> int:
        return self._reading().count(query, since, until)

    def count_by(self, query: str, field: str, since: str, until: str, limit: int) -> list[tuple[Any, int]]:
        return self._reading().count_by(query, field, since, until, limit)

    def periods(self, query: str, every: str, since: str, until: str) -> list[tuple[str, int]]:
        from sealtrail.store.query.times import stamp

        found = self._reading().histogram(query, every, since, until)
        return [(stamp(start), events) for start, events in found]

    def select(self, statement: str, since: str, until: str, rows: int, seconds: float) -> Selected:
        from sealtrail.serve.selecting import select

        return select(self._reading(), statement, since=since, until=until, rows=rows, seconds=seconds)

    def prove(self, place: str) -> Proved:
        from sealtrail.serve.evidence import prove

        return prove(self._data, place)

    def consistency(self, trail: str, old: int, new: int | None) -> bytes:
        from sealtrail.serve.evidence import prove_consistency

        return prove_consistency(self._data, trail, old, new)

    def export(self, query: str, since: str, until: str, *, raw: bool) -> Iterator[bytes]:
        from sealtrail.serve.evidence import export_events

        return export_events(self._data, query, since, until, raw=raw)

    def export_trail(self, trail: str, target: Path) -> int:
        from sealtrail.serve.evidence import export_trail

        return export_trail(self._data, trail, target)

    def blocks(self) -> list[dict[str, Any]]:
        return list(self._operate({"act": "blocks"})["blocks"])

    def block(self, address: str, duration: str, reason: str) -> dict[str, Any]:
        from sealtrail.store.query.times import SECOND
        from sealtrail.store.query.times import duration as length

        seconds = length(duration) / SECOND
        return self._operate({"act": "block", "address": address, "seconds": seconds, "reason": reason})

    def unblock(self, address: str, reason: str) -> bool:
        return bool(self._operate({"act": "unblock", "address": address, "reason": reason})["ended"])

    def newest(self, state: str, level: str, rule: str, limit: int) -> Sequence[Known]:
        return self._alerting(()).newest(state, level, rule, limit)

    def why(self, identity: str, rules: Sequence[Path]) -> Why:
        return self._alerting(rules).why(identity)

    def triage(self, verb: str, identities: Sequence[str], reason: str) -> dict[str, list[str]]:
        return dict(self._operate({"act": "alerts", "verb": verb, "ids": list(identities), "reason": reason}))

    def report(self, wanted: Wanted, out: Path) -> tuple[Report, str]:
        from sealtrail.serve.acting import operator
        from sealtrail.serve.reporting import report

        return report(self._data, wanted, out, operator())

    def days(self, since: str, until: str) -> list[dict[str, Any]]:
        from sealtrail.serve.reviewing import listed

        return listed(self._data, since, until)

    def sign(self, day: str, note: str) -> tuple[dict[str, Any], str]:
        from sealtrail.serve.acting import operator
        from sealtrail.serve.reviewing import sign

        return sign(self._data, day, note, operator())

    def retention(self) -> list[dict[str, Any]]:
        from datetime import UTC, datetime

        from sealtrail.serve.retaining import document, plan

        return [document(one) for one in plan(self._data, datetime.now(UTC))]

    def holds(self) -> list[dict[str, Any]]:
        from sealtrail.serve.holding import listed

        return [msgspec.to_builtins(one) for one in listed(self._data)]

    def hold(self, wanted: Wanting) -> dict[str, Any]:
        return self._held({"verb": "place", "wanted": msgspec.to_builtins(wanted)})

    def release(self, name: str, reason: str) -> dict[str, Any]:
        return self._held({"verb": "release", "name": name, "reason": reason})

    def _held(self, act: dict[str, Any]) -> dict[str, Any]:
        from sealtrail.serve.acting import operator
        from sealtrail.serve.holding import operate

        return dict(msgspec.to_builtins(operate(self._data, {**act, "by": operator()})))

    def _reading(self) -> Reading:
        from sealtrail.serve.folder import Folder
        from sealtrail.serve.reading import Reading

        return Reading.open(Folder(self._data))

    def _alerting(self, rules: Sequence[Path]) -> Alerting:
        from sealtrail.serve.alerting import Alerting
        from sealtrail.serve.folder import Folder

        return Alerting.open(Folder(self._data), rules)

    def _operate(self, act: dict[str, Any]) -> dict[str, Any]:
        from sealtrail.serve.acting import operator
        from sealtrail.serve.operating import operate

        return operate(self._data, {**act, "by": operator()})
