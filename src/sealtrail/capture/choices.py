"""What a door records by itself: True for all there is, False for nothing, or names."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from sealtrail.errors import UsageError

# signals: what the framework tells of sign-ins. user: who is signed in, if the application has looked.
# session: the keyed hash of the session. refused: answers of 401 and 403.
ALL: Final = frozenset({"signals", "user", "session", "refused"})

# request: names of the fields of queries, forms and JSON documents. response: those of JSON answers, and how
# many records there are. route: what FastAPI's routes say of themselves.
# token: what a bearer token says of itself.
ALL_FIELDS: Final = frozenset({"request", "response", "route", "token"})

# What is recorded of the bodies themselves, by nothing but its own name.
BODIES: Final = frozenset({"request_body", "response_body"})

SignIns = bool | Collection[str]
ApiFields = bool | Collection[str]
OpenApi = str | os.PathLike[str] | Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""A path of a JSON or YAML file, the document, or what returns it: that is called with the first request."""


def chosen(given: SignIns) -> frozenset[str]:
    """The sign-ins that are meant. Raises UsageError for a name that is none."""
    return _named("sign_ins", given, ALL)


def chosen_fields(given: ApiFields) -> frozenset[str]:
    """What of an API is meant. Raises UsageError for a name that is none."""
    return _named("api_fields", given, ALL_FIELDS, BODIES)


def _named(
    setting: str,
    given: bool | Collection[str],
    known: frozenset[str],
    more: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """`more` are names that True does not mean."""
    if isinstance(given, bool):
        return known if given else frozenset()
    names = frozenset((given,) if isinstance(given, str) else given)
    unknown = names - known - more
    if unknown:
        raise UsageError(
            "usage.setting",
            f"{setting} has no {', '.join(sorted(map(repr, unknown)))}",
            hint=f"It takes True, False, or some of {', '.join(sorted(known | more))}.",
        )
    return names
