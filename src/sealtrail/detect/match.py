"""A tree to a function of one event. Pure.

Texts compare case-insensitively unless the rule says `cased` or `re`; any element of a list may match; a leaf
on a missing field is false, so its `not` is true.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from sealtrail.detect.rule import holds
from sealtrail.detect.selection import compile_regex
from sealtrail.detect.taxonomy import DERIVED, lookup
from sealtrail.detect.tree import (
    And,
    Cidr,
    Compare,
    Exists,
    Glob,
    Node,
    Not,
    Null,
    Number,
    Or,
    Part,
    Ref,
    Regex,
    Text,
    TextOp,
    TimePart,
    Truth,
)
from sealtrail.event import Fields

# Fields whose texts come again and again: what a literal finds in one is remembered.
REPEATED: Final = frozenset({"user_agent.original", "http.request.referrer"})
MAX_REMEMBERED: Final = 4_096  # texts of one condition
MAX_REMEMBERED_TEXT: Final = 512  # characters of one

_NUMBER: Final = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?", re.ASCII)


class View:
    """One event as rules see it. What several rules look at is derived and folded once."""

    __slots__ = ("exact", "fields", "folded")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.exact = _Exact(fields)
        self.folded = _Folded(self.exact)


Test = Callable[[View], bool]


class _Exact(dict[str, tuple[str, ...]]):
    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self._fields = fields

    def __missing__(self, name: str) -> tuple[str, ...]:
        value = lookup(self._fields, name) if name in DERIVED else self._fields.get(name)
        texts = (value,) if type(value) is str else texts_of(value)
        self[name] = texts
        return texts


class _Folded(dict[str, tuple[str, ...]]):
    __slots__ = ("_exact",)

    def __init__(self, exact: _Exact) -> None:
        super().__init__()
        self._exact = exact

    def __missing__(self, name: str) -> tuple[str, ...]:
        texts = tuple(text.casefold() for text in self._exact[name])
        self[name] = texts
        return texts


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of a value: one for each element of a list, none for null."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_text_of(item) for item in value if item is not None)
    return (_text_of(value),)


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return msgspec.json.encode(value).decode()


def matcher(node: Node) -> Callable[[Fields], bool]:
    """The same as `compile_node`, for a caller with one rule and plain fields."""
    test = compile_node(node)
    return lambda fields: test(View(fields))


def compile_node(node: Node) -> Test:
    """A function that says whether an event matches. It raises nothing, whatever the event holds."""
    match node:
        case And():
            return _all(tuple(compile_node(arg) for arg in sorted(node.args, key=cost)))
        case Or():
            return _any(tuple(compile_node(arg) for arg in sorted(node.args, key=cost)))
        case Not():
            test = compile_node(node.arg)
            return lambda view: not test(view)
        case Text():
            return _texts(node)
        case Glob():
            name, cased, fits = node.field, node.cased, re.compile(node.regex).fullmatch
            if cased:
                return lambda view: any(fits(text) is not None for text in view.exact[name])
            return lambda view: any(fits(text) is not None for text in view.folded[name])
        case Regex():
            return _regex(node)
        case Number() | Compare() | Part() | Truth():
            return _values(node)
        case Null():
            name = node.field
            return lambda view: not view.exact[name]
        case Exists():
            name = node.field
            return lambda view: bool(view.exact[name])
        case Cidr():
            return _cidr(node)
        case Ref():
            return _ref(node)


def cost(node: Node) -> int:
    """A rough order of expense, so that the cheap parts of a condition are asked first."""
    match node:
        case And() | Or():
            return sum(cost(arg) for arg in node.args)
        case Not():
            return 1 + cost(node.arg)
        case Text():
            cheap = node.op == "is" or node.field not in ("sealtrail.raw", "url.original")
            return 2 if cheap else 3 + len(node.values)
        case Glob() | Regex():
            return 40
        case Cidr():
            return 10
        case _:
            return 1


def _all(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda view: first(view) and second(view)

    def every(view: View) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than most conditions
            if not test(view):
                return False
        return True

    return every


def _any(tests: tuple[Test, ...]) -> Test:
    def some(view: View) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(view):
                return True
        return False

    return some


def _texts(node: Text) -> Test:
    name, values = node.field, node.values
    if node.cased:
        return _over_exact(name, _text_test(node.op, values))
    fits = _text_test(node.op, values)
    if name in REPEATED:
        fits = _remembered(fits)
    elif node.op == "contains" and len(values) == 1:
        value = values[0]

        def contains(view: View) -> bool:
            for text in view.folded[name]:  # noqa: SIM110 - as above
                if value in text:
                    return True
            return False

        return contains

    def folded(view: View) -> bool:
        for text in view.folded[name]:  # noqa: SIM110 - as above
            if fits(text):
                return True
        return False

    return folded


def _remembered(fits: Callable[[str], bool]) -> Callable[[str], bool]:
    """Ask once for each text. Clients that make up a new one each time only make the memory start over."""
    known: dict[str, bool] = {}

    def test(text: str) -> bool:
        found = known.get(text)
        if found is None:
            found = fits(text)
            if len(text) <= MAX_REMEMBERED_TEXT:
                if len(known) >= MAX_REMEMBERED:
                    known.clear()
                known[text] = found
        return found

    return test


def _over_exact(name: str, fits: Callable[[str], bool]) -> Test:
    return lambda view: any(fits(text) for text in view.exact[name])


def _text_test(op: TextOp, values: tuple[str, ...]) -> Callable[[str], bool]:
    match op:
        case "is":
            return frozenset(values).__contains__
        case "startswith":
            return lambda text: text.startswith(values)
        case "endswith":
            return lambda text: text.endswith(values)
        case "contains":
            return lambda text: any(value in text for value in values)


def _regex(node: Regex) -> Test:
    found = compile_regex(node.regex, node.flags).search
    return _over_exact(node.field, lambda text: found(text) is not None)


def _values(node: Number | Compare | Part | Truth) -> Test:
    """Tests on the values themselves: a number is compared as a number, whatever type the event gave it."""
    name, fits = node.field, _value_test(node)

    def test(view: View) -> bool:
        fields = view.fields
        value = lookup(fields, name) if name in DERIVED else fields.get(name)
        if isinstance(value, list):
            return any(fits(item) for item in value)
        return fits(value)

    return test


def _value_test(node: Number | Compare | Part | Truth) -> Callable[[Any], bool]:
    match node:
        case Number():
            number, text = node.number, str(node.number)
            return lambda v: v == text if isinstance(v, str) else number_of(v) == number
        case Truth():
            truth, word = node.value, "true" if node.value else "false"
            return lambda v: v.casefold() == word if isinstance(v, str) else v is truth
        case Part():
            part, wanted = node.part, node.number
            return lambda v: part_of(v, part) == wanted
        case Compare():
            op, limit, of = node.op, node.number, node.part

            def compare(value: Any) -> bool:
                found = number_of(value) if of is None else part_of(value, of)
                return found is not None and holds(op, found, limit)

            return compare


def number_of(value: Any) -> int | float | None:
    """A number, or the number a text spells; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None


def part_of(value: Any, part: TimePart) -> int | None:
    """A part of an RFC 3339 time, in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            return None
    return moment.isocalendar().week if part == "week" else int(getattr(moment, part))


@lru_cache(maxsize=8192)
def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text holds, IPv4 in IPv6 as IPv4; None for anything else."""
    if len(text) > 60:
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _cidr(node: Cidr) -> Test:
    network = ipaddress.ip_network(node.network)
    return _over_exact(node.field, lambda text: (found := address(text)) is not None and found in network)


def _ref(node: Ref) -> Test:
    name, other, op = node.field, node.other, node.op

    def test(view: View) -> bool:
        wanted = view.exact[other]
        return bool(wanted) and any(_text_test(op, wanted)(text) for text in view.exact[name])

    return test
