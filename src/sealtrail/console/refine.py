"""A query made narrower by a click on a value. Pure: trees of the query language, printed back."""

from __future__ import annotations

from typing import Any

from sealtrail.store.query import All, And, Is, Node, Not, parse


def term(field: str, value: Any) -> str:
    """The query for a value of a field, whatever characters it holds."""
    return str(_is(field, value))


def equals(query: str, field: str, value: Any) -> str:
    """What `query` asks for, and this value."""
    return _with(query, _is(field, value))


def differs(query: str, field: str, value: Any) -> str:
    """What `query` asks for, and another value or none."""
    return _with(query, Not(_is(field, value)))


def _with(query: str, node: Node) -> str:
    """Raises QueryError for a query that cannot be read."""
    whole = parse(query, 0)
    if isinstance(whole, All):
        return str(node)
    if isinstance(whole, And):
        return str(whole if node in whole.nodes else And((*whole.nodes, node)))
    return str(whole if whole == node else And((whole, node)))


def _is(field: str, value: Any) -> Node:
    if isinstance(value, bool):
        return Is(field, "true" if value else "false")
    return Is(field, value if isinstance(value, str) else str(value))
