"""Parts of a request: query strings, paths, whole targets, headers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sealtrail.scrub.coded import hidden
from sealtrail.scrub.free import Notes, decoded, notes, rules_in, text
from sealtrail.scrub.names import secret_name
from sealtrail.scrub.policy import MARK, REPLACE, Policy
from sealtrail.scrub.shapes import scan

_PAIRS: Final = re.compile(r"([&;#])")


def is_clean(value: str) -> bool:
    """True where a text holds nothing to remove. Cheap, on the safe side: False asks for a closer look."""
    return "%" not in value and "\\" not in value and not rules_in(value)


def is_clean_query(query: str) -> bool:
    """The same for a query string, which has the names of values in it."""
    if "%" in query or "+" in query or ";" in query or "\\" in query:
        return False
    found, coded = scan(query)
    if found or (coded and hidden(query)):
        return False
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if secret_name(name) or "=" in value or ":" in value:
            return False
    return True


def query(value: str, field: str = "url.query", policy: Policy = REPLACE) -> tuple[str, Notes]:
    """A query string: values under secret names go, and whatever has a secret's shape once decoded."""
    pieces = _PAIRS.split(value)
    plain = decoded(value, plus=True)
    if not rules_in(plain, policy=policy, field=field) and not any(
        secret_name(piece.partition("=")[0]) for piece in pieces[::2] if "=" in piece
    ):
        return value, ()
    rules: list[str] = []
    for place in range(0, len(pieces), 2):
        if pieces[place]:
            pieces[place] = _pair(pieces[place], rules, policy, field)
    result = "".join(pieces)
    across, more = text(result, field, policy)
    if more:
        return across, tuple(dict.fromkeys((*notes(field, rules), *more)))
    return (result, notes(field, rules)) if rules else (value, ())


def _pair(pair: str, rules: list[str], policy: Policy, field: str) -> str:
    name, equals, value = pair.partition("=")
    rule = secret_name(name)
    plain = decoded(value, plus=True)
    if rule and value:
        if value.startswith(MARK):
            return pair
        made = policy.replacement(rule, plain, field, name)
        if made is not None:
            rules.append(rule)
            return f"{_name(name, rules, policy, field)}={made}"
    if value and plain != value:
        value = _whole(value, plain, rules, policy, field)
    return f"{_name(name, rules, policy, field)}{equals}{value}"


def _name(name: str, rules: list[str], policy: Policy, field: str) -> str:
    return _whole(name, decoded(name, plus=True), rules, policy, field)


def _whole(value: str, plain: str, rules: list[str], policy: Policy, field: str) -> str:
    """A value as it is, or what stands for all of it where it holds anything secret once decoded."""
    hidden = rules_in(plain, policy=policy, field=field)
    made = policy.replacement(hidden[0], plain, field) if hidden else None
    if made is None:
        return value
    rules += hidden
    return made


def path(value: str, field: str = "url.path", policy: Policy = REPLACE) -> tuple[str, Notes]:
    """A path, encoded or decoded."""
    return text(value, field, policy)


def url(value: str, field: str = "url.original", policy: Policy = REPLACE) -> tuple[str, Notes]:
    """A request target or a whole URL."""
    before, mark, after = value.partition("?")
    if not mark:
        before, mark, after = value.partition("#")
    result, found = text(before, field, policy)
    if not mark:
        return result, found
    rest, more = query(after, field, policy)
    return f"{result}{mark}{rest}", tuple(dict.fromkeys((*found, *more)))


def headers(
    items: Iterable[tuple[str, str]], field: str = "headers", policy: Policy = REPLACE
) -> tuple[list[tuple[str, str]], Notes]:
    """Header fields as pairs of name and value; the names stay."""
    cleaned: list[tuple[str, str]] = []
    found: list[str] = []
    for name, value in items:
        rule = secret_name(name)
        place = f"{field}.{name[:64].lower()}"
        made = (
            policy.replacement(rule, value, place, name)
            if rule and value and not value.startswith(MARK)
            else None
        )
        if made is not None:
            cleaned.append((name, made))
            found.append(f"{place}:{rule}")
        else:
            result, more = url(value, place, policy)
            cleaned.append((name, result))
            found += more
    return cleaned, tuple(dict.fromkeys(found))
