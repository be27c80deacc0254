"""Tree to a predicate on one event: the same answer as SQL, without a store. For `tail -f` and alerts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from sealtrail.event import base_of
from sealtrail.event.codec import Fields
from sealtrail.event.fields import FIELDS
from sealtrail.store.query import meaning, times, words
from sealtrail.store.query.meaning import SEARCHED, TYPES, candidates, fits
from sealtrail.store.query.nodes import All, And, Node, Not, Or


class Predicate(Protocol):
    """Called with the fields of an entry, its trail and its index."""

    def __call__(self, fields: Fields, trail: str = "", index: int = 0) -> bool: ...


_Check = Callable[["_Event"], bool]
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def predicate(node: Node, *, now: int | None = None) -> Predicate:
    """The query as a function. Raises QueryError where `where` would."""
    check = _node(node, now)

    def matches(fields: Fields, trail: str = "", index: int = 0) -> bool:
        return check(_Event(fields, trail, index))

    return matches


def texts(fields: Fields) -> Iterator[str]:
    """Every text a bare word is looked for in; what has no column comes last, as one text."""
    for name in SEARCHED:
        value = column(fields, name)
        if value is not None:
            yield "\n".join(value) if isinstance(value, list) else value
    rest = rest_text(fields)
    if rest is not None:
        yield rest


def rest_text(fields: Fields) -> str | None:
    """The texts of all values without a column, one a line; None where there are none."""
    lines = [leaf for name, value in fields.items() if not has_column(name, value) for leaf in _leaves(value)]
    return "\n".join(lines) if lines else None


def has_column(name: str, value: Any) -> bool:
    """True where a value stands in a column of its own; all else is kept, and read, as JSON."""
    type_ = TYPES.get(name)
    return type_ is not None and name in FIELDS and fits(type_, value)


def column(fields: Fields, name: str) -> Any:
    """The value a column would hold; None where the field is missing or of another type."""
    value = fields.get(name)
    return value if value is not None and has_column(name, value) else None


def at_path(fields: Fields, path: str) -> list[Any]:
    """What stands at a path among the values without a column: a list's items, or the value alone."""
    for first, *others in candidates(path):
        value = fields.get(first)
        if value is None or has_column(first, value):
            continue
        for key in others:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return [item for item in value if item is not None] if isinstance(value, list) else [value]
    return []


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)


class _Event:
    """One entry while it is tested."""

    __slots__ = ("_folded", "fields", "index", "trail")

    def __init__(self, fields: Fields, trail: str, index: int) -> None:
        self.fields = fields
        self.trail = trail
        self.index = index
        self._folded: list[str] | None = None

    def folded(self) -> list[str]:
        if self._folded is None:
            self._folded = [words.fold(text) for text in texts(self.fields)]
        return self._folded

    def value(self, name: str) -> Any:
        if name == "sealtrail.trail":
            return self.trail
        return self.index if name == "sealtrail.index" else column(self.fields, name)


def _node(node: Node, now: int | None) -> _Check:
    if isinstance(node, All):
        return lambda _: True
    if isinstance(node, Not):
        inner = _node(node.node, now)
        return lambda event: not inner(event)
    if isinstance(node, And):
        every = [_node(part, now) for part in node.nodes]
        return lambda event: all(check(event) for check in every)
    if isinstance(node, Or):
        some = [_node(part, now) for part in node.nodes]
        return lambda event: any(check(event) for check in some)
    return _test(meaning.meaning_of(node, now))


def _test(test: meaning.Test) -> _Check:
    match test:
        case meaning.Never():
            return lambda _: False
        case meaning.Anywhere(parts):
            around = ("", *parts, "")
            return lambda event: any(words.is_like(text, around) for text in event.folded())
        case meaning.Loose(path):
            item = _item(test)
            return lambda event: any(map(item, at_path(event.fields, path)))
        case meaning.Inside(name, first, last):
            return _of(name, lambda value: _inside(value, first, last))
        case meaning.Within(name, low, high):
            read = times.from_stamp if TYPES[name] == "time" else int
            return _of(name, lambda value: _within(read(value), low, high))
        case meaning.Equal(name, wanted):
            return _of(name, lambda value: value == wanted)
        case meaning.Named(name, base):
            return _of(name, lambda value: base_of(value) == base)
        case meaning.Alike(name, parts):
            return _of(name, lambda value: words.is_like(value, parts))
        case meaning.Ordered(name, sign, wanted):
            compare = _COMPARE[sign]
            return _of(name, lambda value: compare(value, wanted))
        case meaning.Phrase(name, phrase):
            return _of(name, lambda value: words.has_phrase(value, phrase))
        case meaning.Containing(name, parts):
            around = ("", *parts, "")
            return _of(name, lambda value: words.is_like(words.fold(value), around))
        case meaning.Present(name):
            return _of(name, lambda _: True)


def _of(name: str, test: Callable[[Any], bool]) -> _Check:
    """`test` on the field's value, or on each of its list; false where it is missing."""
    if TYPES[name] == "keywords":
        return lambda event: any(map(test, event.value(name) or ()))

    def check(event: _Event) -> bool:
        value = event.value(name)
        return value is not None and test(value)

    return check


def _within(value: Any, low: int | None, high: int | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value < high)


def _inside(value: str, low: bytes | None, high: bytes | None) -> bool:
    key = meaning.address_key(value)
    return key is not None and (low is None or key >= low) and (high is None or key <= high)


def _item(test: meaning.Loose) -> Callable[[Any], bool]:
    if test.any:
        return lambda _: True
    if test.parts is not None:
        parts = test.parts
        return lambda value: isinstance(value, str) and words.is_like(value, parts)
    compare = _COMPARE[test.operator] if test.operator else operator.eq
    boolean = {"true": True, "false": False}.get(test.text or "") if test.operator is None else None

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return test.text is not None and compare(value, test.text)
        if isinstance(value, bool):
            return value is boolean
        if isinstance(value, int | float):
            return test.number is not None and compare(float(value), test.number)
        return False

    return check
