"""Step (4) of the argument in `verify`, for trails that a restore opened.

A successor's first entry is its link: the trail it goes on from, all that was in it (size and root), and the
last note it signed itself. The link is under the successor's own checkpoints, so it vouches for entries that
the predecessor had not signed yet when it was copied. And it is where the predecessor ends: an entry behind
that place was appended to a trail that another folder may still append to, which is a fork.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealtrail.errors import SealtrailError
from sealtrail.event import generation_of, predecessor
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.heads import Link
from sealtrail.ledger.report import TrailReport, counted
from sealtrail.ledger.trailcheck import TrailCheck


def check_links(checks: Mapping[str, TrailCheck], reports: dict[str, TrailReport], *, alone: bool) -> None:
    """Every successor begins with a link, and what it says of its predecessor is true."""
    for check in checks.values():
        before = predecessor(check.name)
        if not before:
            continue
        link = check.link
        if link is None or link.trail != before:
            if check.missing:
                check.report.notes.append(f"the entry that linked it to {before} was pruned")
            elif check.total:
                check.report.problem(0, f"it does not begin with the last checkpoint of {before}")
            continue
        if not check.report.size:
            continue  # not signed yet: it may be anybody's
        check.report.follows = before
        other = checks.get(before)
        if other is not None:
            _hold(check, link, other)
        elif alone:
            check.report.notes.append(f"it goes on from {before}, which was not checked")
        else:
            report = reports.setdefault(before, TrailReport(before))
            what = f"the trail is missing; {check.name}/0 goes on after {link.size:,} entries of it"
            if not report.problems:
                report.problem(None, what)


def _hold(check: TrailCheck, link: Link, other: TrailCheck) -> None:
    """Hold a predecessor against what its successor says of it."""
    where = f"{check.name}/0"
    other.report.followed_by = check.name
    if not other.holds(link.size):
        if not _explained(other, link.size):
            there = counted(other.total, "entry")
            other.report.problem(other.total, f"{where} goes on after {link.size:,} entries, {there} left")
        return
    if other.holds(link.size + 1):
        other.report.problem(
            link.size, f"it was appended to after {where} went on from its first {link.size:,} entries"
        )
    root = other.root_at(link.size)
    if root is None:
        other.report.unchecked(f"the {link.size:,} entries that {where} goes on from cannot be compared")
    elif root != link.root:
        if not _explained(other, link.size):
            other.report.problem(None, f"{where} names another root for its first {link.size:,} entries")
        return
    what = _bad_note(link, other)
    if what:
        check.report.problem(0, f"what it names as the last checkpoint of {other.name} is not: {what}")
        return
    note = f"{check.name} goes on after {counted(link.size, 'entry')} of it"
    behind = link.size - other.report.size
    if behind > 0:
        note += f"; {where} vouches for the last {behind:,}, which are under no checkpoint of its own"
    other.report.notes.append(note)


def _explained(check: TrailCheck, size: int) -> bool:
    """Is a difference below `size` already reported?"""
    return any(problem.index is not None and problem.index < size for problem in check.report.problems)


def _bad_note(link: Link, other: TrailCheck) -> str:
    """What is wrong with the note in a link; empty when it is the last that the predecessor signed."""
    try:
        checkpoint, note = Checkpoint.from_note(link.note)
        if other.chain.spans:
            other.chain.check(note, checkpoint.size)
    except SealtrailError as error:
        return error.what
    if checkpoint.origin != other.report.origin:
        return f"it speaks of {checkpoint.origin}"
    if checkpoint.size != other.report.size:
        return f"it covers {checkpoint.size:,} entries, the last one here {other.report.size:,}"
    if other.history.at(checkpoint.size) != checkpoint.root:
        return f"the history holds another one of {checkpoint.size:,} entries"
    return ""


def pass_back(checks: Mapping[str, TrailCheck]) -> None:
    """(6) A successor whose link is anchored anchors all that it goes on from, back to the first trail."""
    for name in sorted(checks, key=generation_of, reverse=True):
        check = checks[name]
        other = checks.get(check.report.follows)
        if other is None or check.link is None or not check.report.anchored_to or other.report.problems:
            continue
        reach = min(check.link.size, other.report.size)
        other.report.anchored_to = max(other.report.anchored_to, reach)
