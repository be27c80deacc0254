"""The daily review (PCI DSS 10.4.1): a signed event per calendar day, and which days have one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from sealtrail.collect.own import REVIEW
from sealtrail.comply.case import RECORDS, Case, Facts, Terms, Window, micros_of, one_of
from sealtrail.comply.checks.review import acted, reviewed_days
from sealtrail.errors import UsageError
from sealtrail.event import Fields
from sealtrail.serve.folder import Folder
from sealtrail.serve.measuring import Index, began
from sealtrail.serve.reading import Reading
from sealtrail.serve.recording import record
from sealtrail.settings import load
from sealtrail.store.query.times import DAY, HOUR, micros, span, stamp

MAX_DAYS: Final = 3660  # of one list

MAX_NOTE: Final = 2_000  # characters of a reviewer's note

Status = Literal["reviewed", "late", "missing", "open", "before"]
"""`open`: no review yet, and its time is not up. `before`: the record had not begun."""


class Day(msgspec.Struct, frozen=True):
    """One calendar day (UTC): its review, and what it held. Empty texts where there is no review."""

    day: str
    status: Status
    records: int
    alerts: int
    by: str = ""
    signed: str = ""
    note: str = ""
    address: str = ""
    own_acts: bool = False  # the reviewer acted on the record that day: nobody else judged that


def days(folder: Folder, reading: Reading, since: str, until: str, now: datetime) -> list[Day]:
    """Every day from `since` to `until`, both included. Raises QueryError, UsageError."""
    present = micros(now)
    first, last = (at - at % DAY for at in (span(since, present).start, span(until, present).start))
    if not first <= last <= first + MAX_DAYS * DAY:
        raise UsageError(
            "usage.argument",
            f"from {since} to {until} are not 1 to {MAX_DAYS:,} days",
            hint="Check --from and --to.",
        )
    index = Index(reading, present)
    window = Window(first, last + DAY, last + DAY)
    case = Case(index, window, Terms(), Facts(as_of=stamp(present)))
    reviews, notes = reviewed_days(case), _notes(index, first)
    start = micros_of(began(reading.ledger)) or 0
    allowed = load(folder.root).compliance.review_hours * HOUR
    records = dict(index.periods(RECORDS, DAY, first, last + DAY))
    alerts = dict(index.periods("sealtrail.kind:alert", DAY, first, last + DAY))
    found = []
    for at in range(first, last + DAY, DAY):
        name = stamp(at)[:10]
        signed = reviews.get(name)
        over = at + DAY + allowed
        if signed is None:
            status: Status = "missing" if over <= present else "open"
            if at + DAY <= start:
                status = "before"
            found.append(Day(name, status, records.get(at, 0), alerts.get(at, 0)))
            continue
        when, who, where = signed[0]
        found.append(
            Day(
                name,
                "late" if (micros_of(when) or present) > over else "reviewed",
                records.get(at, 0),
                alerts.get(at, 0),
                by=who,
                signed=when,
                note=notes.get(where, ""),
                address=where,
                own_acts=acted(case, at, who),
            )
        )
    return found


def review(reading: Reading, day: str, note: str, by: str, now: datetime) -> Fields:
    """The event by which somebody signs for a day; it holds what the day held. Raises UsageError."""
    present = micros(now)
    at = _day(day, present)
    if at > present:
        raise UsageError("usage.argument", f"{day} has not begun", hint="A review speaks of what happened.")
    if len(note) > MAX_NOTE:
        raise UsageError("usage.argument", f"a note has at most {MAX_NOTE:,} characters")
    index = Index(reading, present)
    counts = {
        "records": index.count(RECORDS, at, at + DAY),
        "alerts": index.count("sealtrail.kind:alert", at, at + DAY),
        "until": stamp(min(present, at + DAY)),  # a day that is not over is reviewed up to now
    }
    event: Fields = {
        "event.action": REVIEW,
        "event.type": ["info"],
        "user.id": by,
        "sealtrail.review.day": stamp(at)[:10],
        "sealtrail.details": counts,
    }
    if note:
        event["event.reason"] = note
    return event


def sign(data: Path, day: str, note: str, by: str) -> tuple[Fields, str]:
    """Sign for a day: the event, and its address. Durable when it returns."""
    folder = Folder(data)
    folder.check()
    event = review(Reading.open(folder), day, note, by, datetime.now(UTC))
    return event, record(folder, event)


def listed(data: Path, since: str, until: str) -> list[dict[str, Any]]:
    """The days of a folder, for people and programs."""
    folder = Folder(data)
    reading = Reading.open(folder)
    return [msgspec.to_builtins(one) for one in days(folder, reading, since, until, datetime.now(UTC))]


def _day(text: str, now: int) -> int:
    """The start of a calendar day; a moment is no day."""
    start, end = span(text, now)
    if end - start != DAY or start % DAY:
        raise UsageError("usage.argument", f"{text} is no day", hint="Write 2026-11-24, today or yesterday.")
    return start


def _notes(index: Index, since: int) -> dict[str, str]:
    """What reviewers wrote, by the address of their event."""
    rows = index.rows(f"event.action:{one_of([REVIEW])} and event.reason:*", 10_000, since, None)
    return {
        f"{row['sealtrail.trail']}/{row['sealtrail.index']}": str(row.get("event.reason", "")) for row in rows
    }
