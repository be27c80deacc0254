"""Step (5) of the argument in `verify`: what is missing at the front was pruned by a signed act. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sealtrail.event import base_of
from sealtrail.ledger.heads import Prune
from sealtrail.ledger.layout import PRUNED, TRAILS_FOLDER
from sealtrail.ledger.report import counted
from sealtrail.ledger.trailcheck import TrailCheck

AUDIT: Final = "audit"

TOLD_PRUNES: Final = 5  # of one trail, the latest ones in full; of the others a report says how many


class Said(msgspec.Struct, frozen=True):
    """A prune on record, and the address of the entry that says so."""

    address: str
    prune: Prune


def explain_pruning(check: TrailCheck, checks: Mapping[str, TrailCheck], *, alone: bool) -> None:
    """What is gone was pruned by a signed act, which knew what it cut off."""
    gone = max(check.missing, check.floor)
    audits = [audit for name, audit in checks.items() if base_of(name) == AUDIT]
    said = [
        Said(f"{audit.name}/{record.index}", record)
        for audit in audits
        for record in audit.prunes
        if record.trail == check.name and record.index < audit.report.size
    ]
    said.sort(key=lambda one: (one.prune.moment, one.prune.end))
    _compare_roots(check, said)
    if not gone:
        return
    if not audits:
        if alone:
            check.report.unchecked(f"entries below {gone:,} are gone; only the audit trail can say why")
        else:
            check.report.problem(
                0, f"entries below {gone:,} are gone, and there is no audit trail to say why"
            )
    elif any(one.prune.end >= gone for one in said):
        check.report.notes += _told(said)
    elif check.missing:
        check.report.problem(0, f"entries below {check.missing:,} are gone, and no signed entry says why")
    else:
        check.report.problem(
            0,
            f"it says that entries below {gone:,} were pruned, no signed entry does",
            f"{TRAILS_FOLDER}/{check.name}/{PRUNED}",
        )


def _compare_roots(check: TrailCheck, said: Iterable[Said]) -> None:
    """The root at the cut, as the prune recorded it, is the root of what is left of those entries."""
    for one in said:
        root = one.prune.root
        # Beyond what is signed there is nothing to hold it against, and that shows as missing entries.
        if root and 0 < one.prune.end <= check.report.size and check.root_at(one.prune.end) != root:
            check.report.problem(
                0, f"{one.address} records another root for the first {one.prune.end:,} entries, which it cut"
            )


def _told(said: Sequence[Said]) -> list[str]:
    """Sentences that say what went, when, under which rule, by whom; the latest last."""
    told = []
    if len(said) > TOLD_PRUNES:
        told.append(f"{counted(len(said) - TOLD_PRUNES, 'earlier prune')} on record")
    for one in said[-TOLD_PRUNES:]:
        prune = one.prune
        why = f": {prune.rule}" if prune.rule else ""
        who = f", by {prune.by}" if prune.by else ""
        told.append(
            f"entries {prune.first:,} to {prune.end - 1:,} were pruned, as {one.address} records{why}{who}"
            + (f", on {prune.moment}" if prune.moment else "")
        )
    return told
