"""Values that need no care: what JSON holds as it is, with nothing in it to remove. A look, and no copy.

Acts name the same things over and over: texts that were found clean are remembered, so that the next act pays
for what is new. Whatever is odd, long, deep or secret is not plain, and is cleaned with all care elsewhere.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, TypeGuard

from sealtrail import scrub
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.scrub.tree import paired

_MAX_KNOWN: Final = 4096
_MAX_TEXT: Final = 128
_MAX_DEPTH: Final = 3
_MAX_ITEMS: Final = 64
# Longer ones may be the number of a card.
_NUMBER: Final = 10**11
# No shape of a secret is shorter, unless it has something besides letters and digits.
_SHORT: Final = 12

_HOLDERS: Final = frozenset({dict, list, tuple})

_known: set[str] = set()
_open: set[str] = set()  # paths of changes, plain and without the name of a secret


def forget() -> None:
    """Look at every text anew: what is clean has changed."""
    _known.clear()
    _open.clear()


def is_plain_text(value: Any) -> TypeGuard[str]:
    """True for a text that may be recorded as it is."""
    return type(value) is str and (
        value in _known or (len(value) < _SHORT and value.isalnum() and value.isascii()) or _learn(value)
    )


def is_plain(value: Any) -> bool:
    """True for a value that may be recorded as it is, with all that is in it."""
    return 0 < _weight(value, 0) <= _MAX_ITEMS


def plain_changes(given: Any) -> list[dict[str, Any]] | None:
    """A list of (path, old, new) as it is recorded; None where anything in it needs care."""
    if type(given) is not list or len(given) > _MAX_ITEMS:
        return None
    made: list[dict[str, Any]] = []
    for change in given:
        if type(change) is not tuple or len(change) != 3:
            return None
        path, old, new = change
        if not (
            type(path) is str
            and (path in _open or _is_open(path))
            and (is_plain_text(old) or is_plain(old))
            and (is_plain_text(new) or is_plain(new))
        ):
            return None
        made.append({"path": path, "old": old, "new": new})
    return made


def _is_open(path: str) -> bool:
    """False where any part of a path is the name of a secret, or may be: quoted ones are not looked at."""
    if not is_plain_text(path) or "[" in path or '"' in path or any(map(scrub.secret_name, path.split("."))):
        return False
    if len(_open) >= _MAX_KNOWN:
        _open.clear()
    _open.add(path)
    return True


def _weight(value: Any, depth: int) -> int:
    """How many values there are; 0 where one of them needs care."""
    kind = type(value)
    if kind is str:
        return 1 if is_plain_text(value) else 0
    if value is None or kind is bool:
        return 1
    if kind is int:
        return 1 if -MAX_INTEGER <= value < _NUMBER else 0
    if kind is float:
        return 1 if isfinite(value) else 0
    if depth == _MAX_DEPTH:
        return 0
    if kind not in _HOLDERS or len(value) > _MAX_ITEMS:
        return 0
    items = value
    if kind is dict:
        items = value.values()
        if not all(is_plain_text(name) and not scrub.secret_name(name) for name in value) or paired(value):
            return 0
    total = 1
    for item in items:
        weight = _weight(item, depth + 1)
        if not weight:
            return 0
        total += weight
    return total


def _learn(text: str) -> bool:
    """Look at a text for the first time."""
    if len(text) > _MAX_TEXT or not text.isascii() or not text.isprintable():
        return False
    if scrub.text(text)[1]:
        return False
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known.add(text)
    return True
