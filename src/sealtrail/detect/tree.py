"""The compiled form of a condition: a small tree that live matching, replay, tests and converters share.

Fields are translated names (`taxonomy.translate`). Leaves on a missing field are false, except `Null`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Comparison = Literal["lt", "lte", "gt", "gte", "neq"]
TimePart = Literal["minute", "hour", "day", "week", "month", "year"]
TextOp = Literal["is", "contains", "startswith", "endswith"]


class _Node(msgspec.Struct, frozen=True, tag=True, gc=False):
    pass


class And(msgspec.Struct, frozen=True, tag=True):
    """All of `args`."""

    args: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """Any of `args`."""

    args: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """The opposite: true also where the field of `arg` is missing."""

    arg: Node


class Text(_Node, frozen=True):
    """Any of `values`, folded unless `cased`, against the text of the field."""

    field: str
    op: TextOp
    values: tuple[str, ...]
    cased: bool = False


class Glob(_Node, frozen=True):
    """A pattern of literals, `*` and `?`, as a regular expression without backtracking between its parts.

    Against folded text unless `cased`; `?` counts characters of the folded text.
    """

    field: str
    regex: str
    cased: bool = False


class Regex(_Node, frozen=True):
    """A rule's own regular expression, found anywhere in the text as it is. `flags` are of `i`, `m`, `s`."""

    field: str
    regex: str
    flags: str = ""


class Number(_Node, frozen=True):
    """The field is this number, or the text of it."""

    field: str
    number: int | float


class Compare(_Node, frozen=True):
    """The field, or a part of the time it holds, compared with a number."""

    field: str
    op: Comparison
    number: int | float
    part: TimePart | None = None


class Part(_Node, frozen=True):
    """A part of the time the field holds (in UTC; ISO weeks) is this number."""

    field: str
    part: TimePart
    number: int


class Truth(_Node, frozen=True):
    """The field is true or false, or the text of it."""

    field: str
    value: bool


class Null(_Node, frozen=True):
    """The field is missing, null or an empty list."""

    field: str


class Exists(_Node, frozen=True):
    """The field has a value."""

    field: str


class Cidr(_Node, frozen=True):
    """The field is an address within a network. IPv4 in IPv6 counts as IPv4."""

    field: str
    network: str


class Ref(_Node, frozen=True):
    """The field stands to another field of the same event as `op` says. Ids that differ in case differ."""

    field: str
    op: TextOp
    other: str


Leaf: TypeAlias = Text | Glob | Regex | Number | Compare | Part | Truth | Null | Exists | Cidr | Ref
Node: TypeAlias = And | Or | Not | Leaf


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf of a tree, left to right."""
    if isinstance(node, And | Or):
        for arg in node.args:
            yield from leaves(arg)
    elif isinstance(node, Not):
        yield from leaves(node.arg)
    else:
        yield node


def fields_of(node: Node) -> frozenset[str]:
    """Translated names of all fields a tree looks at."""
    names: set[str] = set()
    for leaf in leaves(node):
        names.add(leaf.field)
        if isinstance(leaf, Ref):
            names.add(leaf.other)
    return frozenset(names)


def both(args: list[Node]) -> Node:
    """All of `args`, flat."""
    flat: list[Node] = []
    for arg in args:
        flat.extend(arg.args if isinstance(arg, And) else (arg,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(args: list[Node]) -> Node:
    """Any of `args`, flat, with the texts of one field and kind in one leaf."""
    flat: list[Node] = []
    for arg in args:
        flat.extend(arg.args if isinstance(arg, Or) else (arg,))
    texts: dict[tuple[str, TextOp, bool], list[str]] = {}
    others: list[Node] = []
    for arg in flat:
        if isinstance(arg, Text):
            texts.setdefault((arg.field, arg.op, arg.cased), []).extend(arg.values)
        else:
            others.append(arg)
    merged: list[Node] = [Text(f, op, tuple(dict.fromkeys(v)), c) for (f, op, c), v in texts.items()]
    merged.extend(others)
    return merged[0] if len(merged) == 1 else Or(tuple(merged))
