"""What a condition on a field means, by the field's type. SQL and the predicate are both made from this.

A test is about one **column** (a known field), about all texts of an event, or about a **path** into what has
no column. Types decide here and nowhere else, so search, alerts and `tail -f` cannot disagree.
"""

from __future__ import annotations

import ipaddress
import math
import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from sealtrail.errors import QueryError
from sealtrail.event.fields import ADDRESS_FIELDS, FIELDS, TRAILS
from sealtrail.store.query import times
from sealtrail.store.query.nodes import Compare, Exists, Is, Like, Operator, Text
from sealtrail.store.query.words import Pattern, fold, words

# Long free text, where a value means words. All other text is compared whole, as KQL does with keywords.
WORDY: Final = frozenset({"message", "event.reason", "error.message"})

TYPES: Final = {
    **{name: field.type for name, field in FIELDS.items() if field.type != "json"},
    **{field.name: field.type for field in ADDRESS_FIELDS},
}
"""Fields with a column, by type. `json` fields and unknown ones are read by path."""

TRAIL: Final = "sealtrail.trail"

SEARCHED: Final = tuple(
    name for name, type_ in TYPES.items() if name in FIELDS and type_ in ("keyword", "text", "ip", "keywords")
)
"""Fields a bare word is looked for in, besides every text without a column."""

_NUMBER: Final = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


class Never(msgspec.Struct, frozen=True):
    """No event has it."""


class Anywhere(msgspec.Struct, frozen=True):
    """Some text contains `parts` (folded), with anything between them."""

    parts: Pattern


class Equal(msgspec.Struct, frozen=True):
    """The column, or one of its list, is exactly this."""

    column: str
    value: str | int | bool


class Named(msgspec.Struct, frozen=True):
    """The column names a trail of this base: the first one, or a successor."""

    column: str
    base: str


class Alike(msgspec.Struct, frozen=True):
    """The column, or one of its list, is `parts` with anything between them."""

    column: str
    parts: Pattern


class Within(msgspec.Struct, frozen=True):
    """low <= column < high in a column of integers; None is open."""

    column: str
    low: int | None
    high: int | None


class Inside(msgspec.Struct, frozen=True):
    """low <= address <= high, as 16 bytes; None is open."""

    column: str
    low: bytes | None
    high: bytes | None


class Ordered(msgspec.Struct, frozen=True):
    """The column compared as text, by code point."""

    column: str
    operator: Operator
    value: str


class Phrase(msgspec.Struct, frozen=True):
    """The words stand one after the other in the column's text."""

    column: str
    words: tuple[Pattern, ...]


class Containing(msgspec.Struct, frozen=True):
    """The column's text contains `parts` (folded), with anything between them."""

    column: str
    parts: Pattern


class Present(msgspec.Struct, frozen=True):
    """The column has a value; an empty list is none."""

    column: str


class Loose(msgspec.Struct, frozen=True):
    """A path into what has no column. Exactly one of the four ways to compare is set, or `any` is.

    `text` and `number` stand together for equality: 42 and "42" are both found by `f:42`.
    """

    path: str
    any: bool = False
    text: str | None = None
    number: float | None = None
    parts: Pattern | None = None
    operator: Operator | None = None


Test = (
    Never
    | Anywhere
    | Equal
    | Named
    | Alike
    | Within
    | Inside
    | Ordered
    | Phrase
    | Containing
    | Present
    | Loose
)


def meaning_of(node: Text | Is | Like | Exists | Compare, now: int | None = None) -> Test:
    """The test a leaf of the tree stands for. Raises QueryError where the field's type forbids it."""
    if isinstance(node, Text):
        return Anywhere(tuple(fold(part) for part in node.parts))
    type_ = TYPES.get(node.field)
    if type_ is None:
        return _loose(node)
    if isinstance(node, Exists):
        return Present(node.field)
    return _MEANINGS[type_](node, now)


def _keyword(node: Is | Like | Compare, _now: int | None) -> Test:
    if isinstance(node, Is):
        if node.field == TRAIL and node.value in TRAILS:
            # Who asks for the audit trail means all of it, also what a restored folder appends to.
            return Named(node.field, node.value)
        return Equal(node.field, node.value)
    if isinstance(node, Like):
        return Alike(node.field, node.parts)
    return Ordered(node.field, node.operator, node.value)


def _keywords(node: Is | Like | Compare, now: int | None) -> Test:
    if isinstance(node, Compare):
        raise _refused(node, "is a list of texts, which has no order", f"Write {node.field}:value.")
    return _keyword(node, now)


def _text(node: Is | Like | Compare, now: int | None) -> Test:
    if node.field not in WORDY or isinstance(node, Compare):
        return _keyword(node, now)
    parts = (node.value,) if isinstance(node, Is) else node.parts
    phrase = words(parts)
    if phrase:
        return Phrase(node.field, phrase)
    return Containing(node.field, tuple(fold(part) for part in parts))


def _ip(node: Is | Like | Compare, _now: int | None) -> Test:
    if isinstance(node, Like):
        return Alike(node.field, node.parts)
    network = network_of(node.value)
    if network is None:
        raise _refused(
            node,
            f"holds addresses, and `{node.value}` is none",
            "Write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or a pattern such as 10.1.*",
        )
    low, high = network
    if isinstance(node, Is):
        return Inside(node.field, low, high)
    if node.operator in (">", ">="):
        after = low if node.operator == ">=" else _next(high)
        return Never() if after is None else Inside(node.field, after, None)
    before = high if node.operator == "<=" else _previous(low)
    return Never() if before is None else Inside(node.field, None, before)


def _long(node: Is | Like | Compare, _now: int | None) -> Test:
    value = node.value if not isinstance(node, Like) else "*".join(node.parts)
    number = _exact(value)
    if number is None:
        hint = "Write a number, or a range such as " + (
            f"{node.field}>={value[0]}00 and {node.field}<{int(value[0]) + 1}00."
            if re.fullmatch(r"[1-9]\*{1,2}", value)
            else f"{node.field}>=400."
        )
        raise _refused(node, f"is a number, and `{value}` is none", hint)
    floor, ceiling = math.floor(number), math.ceil(number)
    if not isinstance(node, Compare):
        return _within(node.field, floor, floor + 1) if floor == ceiling else Never()
    if node.operator == ">":
        return _within(node.field, floor + 1, None)
    if node.operator == ">=":
        return _within(node.field, ceiling, None)
    return _within(node.field, None, ceiling if node.operator == "<" else floor + 1)


def _within(column: str, low: int | None, high: int | None) -> Within:
    """Bounds beyond every value a column of 64 bits takes are drawn in, so that SQL compares integers."""
    far = 2**62
    return Within(
        column,
        None if low is None else max(-far, min(low, far)),
        None if high is None else max(-far, min(high, far)),
    )


def _time(node: Is | Like | Compare, now: int | None) -> Test:
    if isinstance(node, Like):
        raise _refused(
            node, "is a time, which takes no wildcards", f"Write {node.field}:2026-11-24 for a day."
        )
    start, end = times.span(node.value, now)
    if isinstance(node, Is):
        return Within(node.field, start, end)
    if node.operator in (">", ">="):
        return Within(node.field, start if node.operator == ">=" else end, None)
    return Within(node.field, None, start if node.operator == "<" else end)


def _bool(node: Is | Like | Compare, _now: int | None) -> Test:
    value = node.value if isinstance(node, Is) else ""
    if value not in ("true", "false"):
        raise _refused(node, "is true or false", f"Write {node.field}:true.")
    return Equal(node.field, value == "true")


_MEANINGS: Final = {
    "keyword": _keyword,
    "keywords": _keywords,
    "text": _text,
    "ip": _ip,
    "long": _long,
    "time": _time,
    "bool": _bool,
}


def _loose(node: Is | Like | Exists | Compare) -> Test:
    if isinstance(node, Exists):
        return Loose(node.field, any=True)
    if isinstance(node, Like):
        return Loose(node.field, parts=node.parts)
    number = float(node.value) if _NUMBER.fullmatch(node.value) else None
    if number is not None and not math.isfinite(number):
        number = None
    if isinstance(node, Is):
        return Loose(node.field, text=node.value, number=number)
    if number is not None:
        return Loose(node.field, number=number, operator=node.operator)
    return Loose(node.field, text=node.value, operator=node.operator)


def fits(type_: str, value: Any) -> bool:
    """True where an event's value can stand in a column of this type; all else is read by path."""
    if type_ in ("keyword", "text", "ip"):
        return isinstance(value, str)
    if type_ == "long":
        return type(value) is int and -(2**62) < value < 2**62
    if type_ == "keywords":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if type_ == "bool":
        return isinstance(value, bool)
    return isinstance(value, str) and times.from_stamp(value) is not None


def candidates(path: str) -> list[tuple[str, ...]]:
    """Where a dotted path may be: as one key, then ever shorter keys with the rest nested below."""
    parts = path.split(".")
    return [(".".join(parts[:i]), *parts[i:]) for i in range(len(parts), 0, -1)]


def address_key(text: str) -> bytes | None:
    """An address as 16 bytes whose order is numeric; of a network its first one; None for other text.

    IPv4 and IPv4-mapped IPv6 are the same address: a dual-stack socket calls 10.0.0.1 ::ffff:10.0.0.1.
    """
    quad = _QUAD.fullmatch(text)
    if quad is not None:
        # Nearly all that is ever indexed, at a quarter of the price.
        return _MAPPED + bytes(map(int, quad.groups()))
    network = network_of(text)
    return None if network is None else network[0]


@lru_cache(maxsize=8192)
def network_of(text: str) -> tuple[bytes, bytes] | None:
    """(first, last) of an address or network in the form of `address_key`."""
    try:
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            first, last = network.network_address.packed, network.broadcast_address.packed
        else:
            first = last = ipaddress.ip_address(text).packed
    except ValueError:
        return None
    return (first, last) if len(first) == 16 else (_MAPPED + first, _MAPPED + last)


_BYTE: Final = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_QUAD: Final = re.compile(r"\.".join([_BYTE] * 4), re.ASCII)
_MAPPED: Final = bytes(10) + b"\xff\xff"


def _next(key: bytes) -> bytes | None:
    number = int.from_bytes(key) + 1
    return None if number >> 128 else number.to_bytes(16)


def _previous(key: bytes) -> bytes | None:
    number = int.from_bytes(key) - 1
    return None if number < 0 else number.to_bytes(16)


def _exact(text: str) -> float | int | None:
    if re.fullmatch(r"-?\d{1,30}", text, re.ASCII):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return None


def _refused(node: Any, what: str, hint: str) -> QueryError:
    return QueryError("query.field", f"`{node.field}` {what}", query=str(node), hint=hint)
