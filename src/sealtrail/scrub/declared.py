"""Values that an application itself calls secret: by names that nobody else could know. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.scrub.free import Notes, decoded, notes
from sealtrail.scrub.policy import MARK, REPLACE, Policy

_RULE: Final = "api-key"


def without(
    query: str, names: frozenset[str], field: str = "url.query", policy: Policy = REPLACE
) -> tuple[str, Notes]:
    """A query string without the values under these names, which are in small letters and not encoded."""
    pairs = query.split("&")
    found = False
    for place, pair in enumerate(pairs):
        # Servers of old take a semicolon for the end of a pair, those of today for a part of its value.
        before = ""
        name, equals, value = pair.partition("=")
        if not _is_one(name, names) and ";" in pair:
            before, name, equals, value = _last(pair, names)
        if not equals or not value or value.startswith(MARK) or not _is_one(name, names):
            continue
        made = policy.replacement(_RULE, decoded(value, plus=True), field, name)
        if made is not None:
            pairs[place] = f"{before}{name}={made}"
            found = True
    return ("&".join(pairs), notes(field, [_RULE])) if found else (query, ())


def _is_one(name: str, names: frozenset[str]) -> bool:
    return decoded(name, plus=True).casefold() in names


def _last(pair: str, names: frozenset[str]) -> tuple[str, str, str, str]:
    """What stands before the first of these names, and from it on to the end."""
    at = 0
    while (at := pair.find(";", at) + 1) > 0:
        name, equals, value = pair[at:].partition("=")
        if _is_one(name, names):
            return pair[:at], name, equals, value
    return "", "", "", ""
