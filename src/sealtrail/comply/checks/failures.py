"""Failures of logging itself, and clocks. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import RECORDS, Case, Check, Finding, address, micros_of, moment, quoted, told
from sealtrail.comply.checks.coverage import sources
from sealtrail.comply.verdict import judged
from sealtrail.event import Fields
from sealtrail.store.query.times import SECOND

# Events that are missing between an application and the collector, or were cut off by a crash.
FAILURES: Final = "event.action:(sealtrail.gap or sealtrail.cut)"

# Of each source and day (or week): whether a clock is off shows in any of its records.
MAX_TIMED: Final = 100


def noticed(case: Case) -> Finding:
    """LOG-1"""
    population = case.count("failures of logging", FAILURES)
    found = []
    for row in case.rows(FAILURES, 1000):
        where = address(row)
        alerts = case.ask.count(
            f"sealtrail.kind:alert and sealtrail.alert.events:{quoted(where)}", case.window.start, None
        )
        if not alerts:
            case.addresses.append(where)
            found.append(f"{told(row)}: no alert")
    return case.finding(judged(population, len(found)), population, len(found), found, FAILURES)


def worked_through(case: Case) -> Finding:
    """LOG-2"""
    population = case.count("failures of logging", FAILURES)
    if not population:
        return case.finding("not-exercised", 0)
    case.notes.append("cause, harm, remedy and prevention of each failure are for a person to show")
    return case.finding("needs-human", population, sampled=FAILURES)


def restarts(case: Case) -> Finding:
    """EVT-5"""
    query = "event.action:(sealtrail.started or sealtrail.stopped)"
    population = case.count("starts and stops of the collector", query)
    rows = sorted(case.rows(query, 10_000), key=_order)
    before = case.ask.rows(query, 1, None, case.window.start, newest=True)
    running = bool(before) and before[0].get("event.action") == "sealtrail.started"
    found = []
    for row in rows:
        starting = row.get("event.action") == "sealtrail.started"
        if starting and running:
            found.append(f"{told(row)}: a start without a stop before it")
        running = starting
    return case.finding(judged(population, len(found)), population, len(found), found, query)


def _order(row: Fields) -> tuple[str, int]:
    return str(row.get("event.ingested", "")), int(row.get("sealtrail.index", 0))


def clocks(case: Case) -> Finding:
    """TIM-1"""
    limit = int(case.terms.clock_seconds * SECOND)
    found, population = [], 0
    for name, query in sources(case).items():
        for start, end in case.window.steps():
            rows = case.ask.rows(f"{query} and not sealtrail.import:true", MAX_TIMED, start, end)
            delays = [delay for row in rows if (delay := _delay(row)) is not None]
            if not delays:
                continue
            population += 1
            # The least delay is the clock's offset and the way; a clock that is ahead makes it negative.
            offset = min(delays)
            if abs(offset) > limit:
                ahead = "ahead of" if offset < 0 else "behind"
                seconds = abs(offset) / SECOND
                found.append(f"{name}, from {moment(start)}: at least {seconds:,.1f} s {ahead} the collector")
    case.number("sources and days (or weeks) measured", population)
    case.number("of these further off than the limit", len(found))
    case.notes.append(
        f"limit {case.terms.clock_seconds:g} s; measured by the first {MAX_TIMED} records of each source and "
        "day. A record that waited for the collector looks like a clock that is behind. Imported history is "
        "left out."
    )
    verdict = judged(population, len(found), empty="no-data")
    return case.finding(verdict, population, len(found), found, f"{RECORDS} and not sealtrail.import:true")


def _delay(row: Fields) -> int | None:
    there, here = micros_of(row.get("@timestamp")), micros_of(row.get("event.ingested"))
    return here - there if there is not None and here is not None else None


CHECKS: Final = (
    Check("LOG-1", "Failures noticed", "every lost or cut event has its alert", noticed),
    Check("LOG-2", "Failures worked through", "each failure has a written answer", worked_through),
    Check("EVT-5", "Starts and stops", "every start of the collector follows a recorded stop", restarts),
    Check(
        "TIM-1", "Clocks", "no source is further from the collector than [compliance] clock-seconds", clocks
    ),
)
