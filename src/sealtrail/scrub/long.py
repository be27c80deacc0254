"""Texts of any length, such as log messages and tracebacks: what is too long loses its middle. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sealtrail.scrub.free import MAX_TEXT, Notes, text
from sealtrail.scrub.policy import REPLACE, Policy

# A traceback says at its end what happened, and at its beginning where.
_HALF: Final = MAX_TEXT // 2
_KEY: Final = "PRIVATE KEY"

LEFT_OUT: Final = "[... left out: too long ...]"


def long_text(
    value: str, field: str = "message", policy: Policy = REPLACE, keep: Collection[str] = ()
) -> tuple[str, Notes]:
    """As `text`, whatever the length: more than MAX_TEXT characters become what begins and the last lines.

    What was not looked at is never kept, and no secret is cut into halves that no rule knows.
    """
    if len(value) <= MAX_TEXT:
        return text(value, field, policy, keep)
    head = value[:_HALF]
    first, found = text(head[: len(head) - len(head.split()[-1])] if " " in head else "", field, policy, keep)
    # Half a key has no shape. The first line that is whole may be the value of a name that was cut off.
    last, more = text(value[-_HALF:], field, policy, keep) if _KEY not in value else ("", ())
    last = last.partition("\n")[2].partition("\n")[2]
    return f"{first.rstrip()}\n{LEFT_OUT}\n{last}", tuple(dict.fromkeys((*found, *more)))
