"""Retention, measured: how far back the record reaches, not what a setting says. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import Case, Check, Finding, in_trail, micros_of, quoted
from sealtrail.comply.verdict import judged
from sealtrail.store.query.times import DAY


def reach(case: Case) -> Finding:
    """RET-1"""
    now = micros_of(case.facts.as_of) or case.window.judged
    found, population, young = [], 0, 0
    for trail in case.facts.trails:
        days = case.terms.retention.get(trail.base)
        if days is None or not trail.size:
            continue
        oldest = micros_of(trail.oldest)
        if oldest is None:
            population += 1
            found.append(f"{trail.trail}: the first entry that is left cannot be read")
            continue
        age = (now - oldest) // DAY
        case.number(f"days that {trail.trail} reaches back", age)
        case.number(f"entries of {trail.trail} that were removed", trail.first)
        if not trail.first and age < days:
            # It has kept all it has. That this is long enough is not shown by a record that is not so long.
            young += 1
            case.notes.append(f"{trail.trail} began {age} days ago: nothing of it is {days} days old yet")
            continue
        population += 1
        if age < days:
            found.append(
                f"{trail.trail}: reaches back {age} days, and {days} are asked; older entries were removed"
            )
    verdict = judged(population, len(found), empty="no-data")
    if young and verdict == "pass":
        verdict = "no-data"
    return case.finding(verdict, population + young, len(found), found)


def at_hand(case: Case) -> Finding:
    """RET-2"""
    facts = case.facts
    span = f"event.ingested>={quoted(facts.recent_since)} and event.ingested<={quoted(facts.as_of)}"
    population, found = 0, []
    for trail in facts.trails:
        if trail.problems:
            case.notes.append(
                f"{trail.trail} was changed: what is left of it cannot be counted against the index"
            )
            continue
        name, query = trail.trail, f"{in_trail(trail.trail)} and {span}"
        population += case.number(f"entries of {name} of the last 90 days in the ledger", trail.recent)
        indexed = case.ask.count(query, None, None)
        case.number(f"entries of {name} of the last 90 days that a query finds", indexed, query)
        if indexed != trail.recent:
            found.append(
                f"the index gives {indexed:,} of {trail.recent:,} entries of {name}; `sealtrail rebuild` "
                "makes it anew"
            )
    return case.finding(judged(population, len(found), empty="no-data"), population, len(found), found)


def removals(case: Case) -> Finding:
    """RET-3"""
    window = case.window
    query = "event.action:sealtrail.prune"
    population = case.count("removals", query)
    found = []
    for prune in case.facts.prunes:
        when, left = micros_of(prune.when), micros_of(prune.left)
        if when is None or not window.start <= when < window.judged:
            continue
        days = case.terms.retention.get(prune.trail, 0)
        if left is None:
            continue  # what came after it has gone as well, by a later removal that is judged itself
        # What was removed is older than the first entry that was left.
        age = (when - left) // DAY
        if age < days:
            found.append(
                f"{prune.address}: {prune.trail} below {prune.end:,} removed at {age} days of {days}"
            )
    return case.finding(judged(population, len(found)), population, len(found), found, query)


CHECKS: Final = (
    Check("RET-1", "How far back", "each trail reaches back as far as is asked", reach),
    Check("RET-2", "At hand", "ninety days are counted by a query, and are all that the ledger has", at_hand),
    Check("RET-3", "Removals", "nothing was removed before its time", removals),
)
