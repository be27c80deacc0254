"""Review: by people each day, by rules each record, and what became of what they found. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import RECORDS, Case, Check, Finding, in_trail, micros_of, quoted
from sealtrail.comply.verdict import judged
from sealtrail.store.query.times import DAY, HOUR, stamp

REVIEW: Final = "sealtrail.review"
CLOSED: Final = "sealtrail.alert.close"
# What an operator does that somebody else should look at; alerts are what a reviewer deals with.
ACTS: Final = (
    "event.action:(sealtrail.block or sealtrail.unblock or sealtrail.export or sealtrail.prune "
    "or sealtrail.backup or sealtrail.restore or user_* or authn_token_* or privilege_*)"
)
REOPENED: Final = "sealtrail.alert.reopen"


def reviewed_days(case: Case) -> dict[str, list[tuple[str, str, str]]]:
    """Day -> (when it was signed, by whom, address) of each review of it, the earliest first."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    query = f"event.action:{REVIEW} and sealtrail.review.day:*"
    for row in case.ask.rows(query, 10_000, case.window.start, None):
        where = f"{row['sealtrail.trail']}/{row['sealtrail.index']}"
        signed = (str(row.get("event.ingested", "")), str(row.get("user.id", "")), where)
        found.setdefault(str(row["sealtrail.review.day"]), []).append(signed)
    return {day: sorted(signed) for day, signed in found.items()}


def daily(case: Case) -> Finding:
    """REV-1"""
    allowed = case.terms.review_hours * HOUR
    now = micros_of(case.facts.as_of) or case.window.judged
    reviews = reviewed_days(case)
    # Nobody could review what the record did not hold yet: it may begin within the window.
    began = micros_of(case.facts.began) or 0
    due = [
        day
        for day in case.window.days()
        if (day + DAY + allowed <= now or stamp(day)[:10] in reviews) and day + DAY > began
    ]
    found = []
    for day in due:
        name = stamp(day)[:10]
        signed = reviews.get(name, [])
        if not signed:
            found.append(f"{name}: no review")
            continue
        when, who, where = signed[0]
        if (micros_of(when) or now) > day + DAY + allowed:
            found.append(f"{name}: signed late, at {when[:16]}Z by {who} ({where})")
        if acted(case, day, who):
            case.notes.append(
                f"{name}: {who} reviewed a day with operators' acts of their own; nobody else judged those"
            )
    case.number("days due in the window", len(due), f"event.action:{REVIEW}")
    case.number("of these reviewed in time", len(due) - len(found))
    return case.finding(
        judged(len(due), len(found), empty="no-data"), len(due), len(found), found, f"event.action:{REVIEW}"
    )


def acted(case: Case, day: int, who: str) -> bool:
    """Did the reviewer act upon the record or its answers on that day? Looking and judging are their work."""
    acts = f"sealtrail.source:collector and {ACTS} and user.id:{quoted(who)}"
    return bool(who) and case.ask.count(acts, day, day + DAY) > 0


def automated(case: Case) -> Finding:
    """REV-2"""
    facts = case.facts
    population = case.count("records", RECORDS)
    case.number("detection rules", facts.rules)
    if facts.seen is None:
        case.notes.append("no detection has ever run on this folder; `sealtrail serve` runs it")
        return case.finding("fail", population, population, ["no detection has run"], RECORDS)
    if not facts.rules:
        return case.finding("fail", population, population, ["no detection rule is loaded"], RECORDS)
    unseen = 0
    for trail in facts.trails:
        at = facts.seen.get(trail.trail, 0)
        query = f"{RECORDS} and {in_trail(trail.trail)} and sealtrail.index>={at}"
        if facts.behind:
            query += f" and event.ingested<{quoted(facts.behind)}"
        unseen += case.count(f"records of {trail.trail} that detection has not seen", query)
    found = [f"{unseen:,} records that detection has not seen"] if unseen else []
    return case.finding(judged(population, unseen, empty="no-data"), population, unseen, found, RECORDS)


def disposed(case: Case) -> Finding:
    """REV-3"""
    query = "sealtrail.kind:alert and not sealtrail.import:true"
    population = case.count("alerts", query)
    acts = case.ask.rows(f"event.action:({CLOSED} or {REOPENED})", 10_000, case.window.start, None)
    # The last act of each alert counts.
    last = {str(row.get("sealtrail.alert.id")): row.get("event.action") for row in acts}
    found = []
    exceptions = 0
    for value, _ in case.values(query, "event.id"):
        if last.get(value) != CLOSED:
            exceptions += 1
            found.append(f"alert {value} is open")
    case.number("of these open", exceptions)
    return case.finding(judged(population, exceptions), population, exceptions, found, query)


CHECKS: Final = (
    Check(
        "REV-1",
        "Daily review",
        "each calendar day (UTC) that is due has a review signed within [compliance] review-hours of its end",
        daily,
    ),
    Check("REV-2", "Automated review", "detection rules have seen every record", automated),
    Check("REV-3", "Alerts closed", "every alert was closed with a reason", disposed),
)
