"""Names of trails. Pure.

A data folder that was restored from a backup never appends to the trails in it: the folder they were copied
from may be alive, and two folders that append to one trail have signed a fork. Restoring opens successors:
`audit` and `access` are followed by `audit-2` and `access-2`, those by `audit-3` and `access-3`. What a trail
is for is its **base**; which restore it came with is its **generation**, 1 for the first.
"""

from __future__ import annotations

import re
from typing import Final

from sealtrail.event.fields import TRAILS

# What follows a base in the name of a successor: 2 to 9999. For every engine of regular expressions.
SUFFIX: Final = "-([2-9]|[1-9][0-9]{1,3})"

# Only our own bases have successors: a trail that somebody else calls `shop-2` is just that.
_SUCCESSOR: Final = re.compile(rf"({'|'.join(TRAILS)}){SUFFIX}", re.ASCII)


def base_of(trail: str) -> str:
    """What a trail is for: `audit` for `audit` and for `audit-2`."""
    found = _SUCCESSOR.fullmatch(trail)
    return found[1] if found is not None else trail


def generation_of(trail: str) -> int:
    """1 for `audit`, 2 for `audit-2`."""
    found = _SUCCESSOR.fullmatch(trail)
    return int(found[2]) if found is not None else 1


def trail_name(base: str, generation: int) -> str:
    """The trail of a base in a generation, which counts from 1."""
    return base if generation == 1 else f"{base}-{generation}"


def predecessor(trail: str) -> str:
    """The trail that this one goes on from; empty for the first of its base."""
    generation = generation_of(trail)
    return trail_name(base_of(trail), generation - 1) if generation > 1 else ""


def trail_order(trail: str) -> tuple[bool, str, int]:
    """Sorts trails as one commit writes them: by base, an earlier generation first, foreign ones last."""
    base = base_of(trail)
    return base not in TRAILS, base, generation_of(trail)
