"""What a check is given: a window, what can be asked of the record, and the facts that stand beside it. Pure.

Every number a check takes is kept with the query that gave it, so the report can show it and anybody can ask
again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol

import msgspec

from sealtrail.comply.verdict import Verdict
from sealtrail.event import Fields
from sealtrail.store.query.times import DAY, HOUR, from_stamp, stamp

# What the estate recorded; the collector's own voice would make an empty window look alive.
RECORDS: Final = "not sealtrail.source:collector"

# Exceptions that are written out one by one; all of them are counted.
MAX_FOUND: Final = 100

# Values of one field that a check compares. Of more it says that it could not.
MAX_VALUES: Final = 10_000


class Window(msgspec.Struct, frozen=True):
    """[start, end) in microseconds since 1970. `judged`: the end, or the last entry if it is not over yet."""

    start: int
    end: int
    judged: int

    def days(self) -> list[int]:
        """The start of each calendar day (UTC) that lies whole within what is judged."""
        first = -(-self.start // DAY) * DAY
        return list(range(first, self.judged - DAY + 1, DAY)) if self.judged - first >= DAY else []

    def steps(self) -> list[tuple[int, int]]:
        """Days that cover what is judged; weeks where it is longer than five of them."""
        length = DAY if self.judged - self.start <= 35 * DAY else 7 * DAY
        return [
            (at, min(at + length, self.judged))
            for at in range(self.start, max(self.judged, self.start), length)
        ]


class Terms(msgspec.Struct, frozen=True):
    """What the entity says of itself: [compliance], and what the framework asks. `data` is a query."""

    data: str = ""
    data_setting: str = ""
    retention: Mapping[str, int] = {}
    services: tuple[str, ...] = ()
    silent_hours: int = 24
    review_hours: int = 24
    clock_seconds: float = 5.0
    admin_roles: tuple[str, ...] = ()
    shared_ids: tuple[str, ...] = ()
    service_provider: bool = False


class TrailFact(msgspec.Struct, frozen=True):
    """One trail as the ledger has it. `oldest` is when the first entry that is left was sealed, `recent`

    how many were sealed since `Facts.recent_since`.
    """

    trail: str
    base: str
    size: int
    signed: int
    root: str
    first: int
    oldest: str
    anchored_to: int
    recent: int = 0
    problems: tuple[str, ...] = ()


class PruneFact(msgspec.Struct, frozen=True):
    """One removal: where it is recorded, of what, when, and when the first entry it left was sealed."""

    address: str
    trail: str
    end: int
    when: str
    left: str


class Facts(msgspec.Struct, frozen=True):
    """What stands beside the index, at the moment `as_of` of the last entry.

    `began` is when the first entry was sealed, empty where that was pruned.
    `seen` is how far detection has come in each trail, None where none ever ran; `behind` leaves it the
    entries after that moment to catch up with. `drill` is each change that was made for trial, and whether
    it was found.
    """

    as_of: str
    began: str = ""
    verdict: str = "unchecked"
    anchored: bool = False
    key_source: str = ""
    trails: tuple[TrailFact, ...] = ()
    prunes: tuple[PruneFact, ...] = ()
    writable: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    paths: int = 0
    readers: tuple[str, ...] = ()
    seen: Mapping[str, int] | None = None
    behind: str = ""
    rules: int = 0
    recent_since: str = ""
    drill: tuple[tuple[str, bool], ...] = ()


class Ask(Protocol):
    """What can be asked of the record. Queries are in the query language, times in microseconds or open."""

    def count(self, query: str, since: int | None, until: int | None) -> int:
        """How many entries match."""
        ...

    def values(self, query: str, field: str, since: int | None, until: int | None) -> list[tuple[Any, int]]:
        """(value, entries), at most MAX_VALUES of them."""
        ...

    def periods(self, query: str, length: int, since: int | None, until: int | None) -> list[tuple[int, int]]:
        """(start, entries) of each period that has any, in order."""
        ...

    def rows(
        self, query: str, limit: int, since: int | None, until: int | None, *, newest: bool = False
    ) -> list[Fields]:
        """Matches with their addresses, the oldest first, or the newest."""
        ...


class Number(msgspec.Struct, frozen=True):
    """One number, what it is, and the query that gives it again; facts of the ledger have no query."""

    name: str
    value: int
    query: str = ""


class Finding(msgspec.Struct, frozen=True):
    """What one check found. `population` is what it looked at, `sampled` the query that lists it.

    `addresses` are those of exceptions that are entries.
    """

    verdict: Verdict
    population: int
    exceptions: int = 0
    found: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    sampled: str = ""
    addresses: tuple[str, ...] = ()


class Case:
    """One check's view of the window. Asks, and keeps what was answered."""

    def __init__(self, ask: Ask, window: Window, terms: Terms, facts: Facts) -> None:
        self.ask = ask
        self.window = window
        self.terms = terms
        self.facts = facts
        self.numbers: list[Number] = []
        self.notes: list[str] = []
        self.addresses: list[str] = []

    def count(self, name: str, query: str) -> int:
        """How many entries in the window match; kept under `name`."""
        return self.number(name, self.ask.count(query, self.window.start, self.window.judged), query)

    def number(self, name: str, value: int, query: str = "") -> int:
        self.numbers.append(Number(name, value, query))
        return value

    def values(self, query: str, field: str) -> list[tuple[str, int]]:
        """Values of a field in the window as texts, most frequent first."""
        found = self.ask.values(query, field, self.window.start, self.window.judged)
        return [(str(value), number) for value, number in found]

    def rows(self, query: str, limit: int = MAX_FOUND) -> list[Fields]:
        return self.ask.rows(query, limit, self.window.start, self.window.judged)

    def listed(self, query: str) -> list[str]:
        """The oldest matches, each in a line that names its address; they are what is proved later."""
        rows = self.rows(query)
        self.addresses += [address(row) for row in rows]
        return [told(row) for row in rows]

    def finding(
        self,
        verdict: Verdict,
        population: int,
        exceptions: int = 0,
        found: Collection[str] = (),
        sampled: str = "",
    ) -> Finding:
        return Finding(
            verdict,
            population,
            exceptions,
            tuple(found)[:MAX_FOUND],
            tuple(self.notes),
            tuple(self.numbers),
            sampled,
            tuple(self.addresses),
        )


class Check(msgspec.Struct, frozen=True):
    """A question that can be asked of any estate. `judge` gets a case and nothing else."""

    id: str
    title: str
    criterion: str
    judge: Callable[[Case], Finding]
    needs_records: bool = True  # without any record in the window it is no-data, whatever it would say


def quoted(value: str) -> str:
    """A value as the query language takes it, whatever is in it."""
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def one_of(values: Collection[str]) -> str:
    """`(a or b)`, for values that are not empty."""
    return "(" + " or ".join(quoted(value) for value in values) + ")"


def in_trail(trail: str) -> str:
    """Entries of this trail alone: by its plain name a base stands for its successors as well."""
    return f"sealtrail.trail>={quoted(trail)} and sealtrail.trail<={quoted(trail)}"


def address(row: Fields) -> str:
    return f"{row.get('sealtrail.trail')}/{row.get('sealtrail.index')}"


def told(row: Fields) -> str:
    """One entry in a line: address, time, what, who, on what."""
    words = [address(row), row.get("@timestamp"), row.get("event.action"), row.get("user.id")]
    words += [row.get("http.request.method"), row.get("url.path"), row.get("http.response.status_code")]
    return " ".join(str(word) for word in words if word not in {None, ""})[:300]


def hours(span: int) -> str:
    """Microseconds as hours, as people say them."""
    return f"{span / HOUR:,.0f} h"


def moment(time: int) -> str:
    """Microseconds as a time to the minute."""
    return stamp(time)[:16] + "Z"


def micros_of(text: Any) -> int | None:
    """Microseconds of a time field; None where it is none."""
    return from_stamp(text) if isinstance(text, str) else None
