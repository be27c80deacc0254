"""What of sign-ins a door records by itself: `sign_ins=True` for all of it, False for nothing, or names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sealtrail.errors import UsageError

# signals: what the framework tells of sign-ins. user: who is signed in, if the application has looked.
# session: the keyed hash of the session. refused: answers of 401 and 403.
ALL: Final = frozenset({"signals", "user", "session", "refused"})

SignIns = bool | Collection[str]


def chosen(given: SignIns) -> frozenset[str]:
    """The names that are meant. Raises UsageError for one that is none."""
    if isinstance(given, bool):
        return ALL if given else frozenset()
    names = frozenset((given,) if isinstance(given, str) else given)
    unknown = names - ALL
    if unknown:
        raise UsageError(
            "usage.setting",
            f"sign_ins has no {', '.join(sorted(map(repr, unknown)))}",
            hint=f"It takes True, False, or some of {', '.join(sorted(ALL))}.",
        )
    return names
