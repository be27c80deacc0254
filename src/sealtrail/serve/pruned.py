"""What was pruned says so: the entry of the audit trail that had it go, found and told.

The index says which entry it is, the ledger what it says. Without one, such as while the index is made again,
the refusal is told all the same, and only without its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sealtrail.collect.own import PRUNE, SOURCE
from sealtrail.errors import NotFoundError, SealtrailError
from sealtrail.event import base_of
from sealtrail.ledger.heads import prune_in
from sealtrail.ledger.pruning import AUDIT
from sealtrail.serve.reading import Reading


@contextmanager
def explained(reading: Reading, trail: str, index: int) -> Iterator[None]:
    """Have the refusal of a pruned entry say when it went, under which rule and by whom."""
    try:
        yield
    except NotFoundError as error:
        prune = recorded(reading, trail, index) if error.is_pruned else {}
        if not prune:
            raise
        who = f", by {prune['by']}" if prune["by"] else ""
        why = f": {prune['rule']}" if prune["rule"] else ""
        raise NotFoundError(
            "not-found.pruned",
            f"{trail}/{index} was pruned at {prune['at']}{why}{who}",
            hint=f"{prune['address']} says so, and `sealtrail prove {prune['address']}` proves that it does.",
            prune=prune,
        ) from None


def recorded(reading: Reading, trail: str, index: int) -> dict[str, Any]:
    """What is on record of the prune that removed an entry: its address, when, the range, the rule, by whom.

    Empty where nothing says so, or the index cannot be asked.
    """
    query = (
        f'event.action:{PRUNE} and sealtrail.source:{SOURCE} and sealtrail.range.trail:"{trail}" '
        f"and sealtrail.range.end>{index}"
    )
    try:
        # The earliest record is the one that removed it; what is said again later names it as well.
        for row in reading.every(query):
            prune = prune_in(row.index, row.data) if base_of(row.trail) == AUDIT else None
            if prune is not None and prune.trail == trail and prune.end > index:
                return {
                    "address": row.address,
                    "at": prune.moment,
                    "trail": trail,
                    "first": prune.first,
                    "end": prune.end,
                    "rule": prune.rule,
                    "by": prune.by,
                }
    except SealtrailError:
        pass  # an index that cannot answer keeps nobody from learning that the entry is gone
    return {}
