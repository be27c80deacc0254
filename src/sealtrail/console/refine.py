"""A query made narrower by a click on a value. Pure: trees of the query language, printed back."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

import msgspec

from sealtrail.event.fields import ADDRESS_FIELDS, FIELDS
from sealtrail.store.query import All, And, Exists, Is, Node, Not, Or, Text, parse

KNOWN: Final = (*FIELDS, *(field.name for field in ADDRESS_FIELDS))
"""Every field an event of ours may have. Others can be stored and asked for as well."""


def term(field: str, value: Any) -> str:
    """The query for a value of a field, whatever characters it holds."""
    return str(_is(field, value))


def equals(query: str, field: str, value: Any) -> str:
    """What `query` asks for, and this value."""
    return _with(query, _is(field, value))


def differs(query: str, field: str, value: Any) -> str:
    """What `query` asks for, and another value or none."""
    return _with(query, Not(_is(field, value)))


def exists(query: str, field: str) -> str:
    """What `query` asks for, where this field is there."""
    return _with(query, Exists(field))


def without_last(query: str) -> str:
    """`query` without its last condition; empty where it has one only."""
    whole = parse(query, 0)
    if not isinstance(whole, And):
        return ""
    rest = whole.nodes[:-1]
    return str(rest[0] if len(rest) == 1 else And(rest))


def mistyped(query: str) -> dict[str, list[str]]:
    """Fields of `query` that no event of ours has, and known ones that look like each."""
    found: dict[str, list[str]] = {}
    for field in _fields(parse(query, 0)):
        if field not in KNOWN:
            ended = [name for name in KNOWN if name.endswith(f".{field}")]
            alike = list(dict.fromkeys([*ended, *get_close_matches(field, KNOWN, 3, 0.6)]))
            if alike:
                found[field] = alike[:3]
    return found


def renamed(query: str, field: str, other: str) -> str:
    """`query` with `other` wherever it names `field`."""
    return str(_renamed(parse(query, 0), field, other))


def _renamed(node: Node, field: str, other: str) -> Node:
    if isinstance(node, And | Or):
        return type(node)(tuple(_renamed(one, field, other) for one in node.nodes))
    if isinstance(node, Not):
        return Not(_renamed(node.node, field, other))
    if isinstance(node, All | Text) or node.field != field:
        return node
    return msgspec.structs.replace(node, field=other)


# A page of rows refines one query a thousand times.
@lru_cache(maxsize=16)
def _parsed(query: str) -> Node:
    return parse(query, 0)


def _fields(node: Node) -> Iterator[str]:
    if isinstance(node, And | Or):
        for one in node.nodes:
            yield from _fields(one)
    elif isinstance(node, Not):
        yield from _fields(node.node)
    elif not isinstance(node, All | Text):
        yield node.field


def _with(query: str, node: Node) -> str:
    """Raises QueryError for a query that cannot be read."""
    whole = _parsed(query)
    if isinstance(whole, All):
        return str(node)
    if isinstance(whole, And):
        return str(whole if node in whole.nodes else And((*whole.nodes, node)))
    return str(whole if whole == node else And((whole, node)))


def _is(field: str, value: Any) -> Node:
    if isinstance(value, bool):
        return Is(field, "true" if value else "false")
    return Is(field, value if isinstance(value, str) else str(value))
