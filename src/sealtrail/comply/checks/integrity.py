"""Integrity: is the record what was signed, would a change be seen, who could make one? Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import RECORDS, Case, Check, Finding, in_trail
from sealtrail.comply.verdict import judged


def intact(case: Case) -> Finding:
    """INT-1"""
    facts = case.facts
    population = sum(case.number(f"entries of {t.trail} under a checkpoint", t.signed) for t in facts.trails)
    case.number("entries not signed yet", sum(max(0, t.size - t.signed) for t in facts.trails))
    problems = [problem for trail in facts.trails for problem in trail.problems]
    if facts.verdict == "tampered":
        # Also where nothing is left in the window: it may be what was taken out.
        return case.finding("fail", population, max(1, len(problems)), problems, RECORDS)
    if not case.count("records in the window", RECORDS):
        return case.finding("no-data", population)
    if facts.verdict != "intact":
        case.notes.append("the record could not be checked as a whole; `sealtrail verify` says why")
        return case.finding("needs-human", population)
    if not facts.anchored:
        case.notes.append(
            "self-consistent, not anchored: whoever holds the signing key could have rewritten everything. "
            "Give a checkpoint that was kept elsewhere (--checkpoint)."
        )
    return case.finding(judged(population, 0, empty="no-data"), population, 0, (), RECORDS)


def anchored(case: Case) -> Finding:
    """INT-2"""
    facts = case.facts
    population = sum(trail.signed for trail in facts.trails)
    open_ = 0
    for trail in facts.trails:
        beyond = f"{in_trail(trail.trail)} and sealtrail.index>={trail.anchored_to}"
        open_ += case.count(f"entries of {trail.trail} in the window behind the kept checkpoint", beyond)
    if facts.verdict == "tampered":
        case.notes.append(
            "the record contradicts what was signed, so no checkpoint vouches for it as a whole"
        )
    if population and facts.anchored and not open_:
        return case.finding("pass", population)
    case.notes.append(
        "no checkpoint from outside covers all of the window: whether one is kept, and where, is for a "
        "person to show. Give it with --checkpoint."
    )
    return case.finding("needs-human", population)


def drill(case: Case) -> Finding:
    """INT-3"""
    trials = case.facts.drill
    missed = [what for what, was_found in trials if not was_found]
    for what, was_found in trials:
        case.number(f"{what}: found", int(was_found))
    case.notes.append("made on entries of the window in memory; nothing on disk was touched")
    return case.finding(judged(len(trials), len(missed), empty="no-data"), len(trials), len(missed), missed)


def unwritable(case: Case) -> Finding:
    """INT-5"""
    facts = case.facts
    case.number("files and folders looked at", facts.paths)
    case.number("of these that group or others may write", len(facts.writable))
    case.notes.append("as the files stood when the report was made, not throughout the window")
    verdict = judged(facts.paths, len(facts.writable), empty="no-data")
    found = [f"{path}: group or others may write" for path in facts.writable]
    return case.finding(verdict, facts.paths, len(found), found)


def readers(case: Case) -> Finding:
    """RD-1"""
    facts = case.facts
    case.number("files and folders looked at", facts.paths)
    case.number("of these that others may read", len(facts.readable))
    case.number("keys and people that may read", len(facts.readers))
    case.notes.extend(f"may read: {reader}" for reader in facts.readers[:50])
    verdict = judged(facts.paths, len(facts.readable), empty="no-data")
    found = [f"{path}: others may read" for path in facts.readable]
    return case.finding(verdict, facts.paths, len(found), found)


CHECKS: Final = (
    Check("INT-1", "Entries and signatures", "every entry is what was signed", intact, needs_records=False),
    Check(
        "INT-2", "Anchored elsewhere", "a checkpoint kept outside of the folder covers the window", anchored
    ),
    Check(
        "INT-3",
        "Tamper drill",
        "an entry that is altered, taken out or exchanged for trial is found each time",
        drill,
    ),
    Check(
        "INT-5", "Nobody else can write", "no file of the record can be written by other users", unwritable
    ),
    Check("RD-1", "Who can read", "no file of the record can be read by other users", readers),
)
