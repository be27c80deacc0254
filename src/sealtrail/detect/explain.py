"""Why a condition holds for an event: the leaves that decide it, and what of the event they found. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from sealtrail.detect.match import View, compile_node
from sealtrail.detect.selection import compile_regex
from sealtrail.detect.tree import (
    And,
    Cidr,
    Compare,
    Exists,
    Glob,
    Leaf,
    Node,
    Not,
    Null,
    Number,
    Or,
    Part,
    Ref,
    Regex,
    Text,
    Truth,
)
from sealtrail.event import Fields

MAX_REASONS: Final = 50  # of one event: a rule with hundreds of values must not make a page of thousands
MAX_SHOWN: Final = 2_000  # characters of a value that are shown

_WORDS: Final = {"is": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with"}
_SIGNS: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "neq": "is not"}


class Reason(msgspec.Struct, frozen=True):
    """One part of a condition. `condition` reads on after `field`; `holds` is false for what `not` excludes.

    `values`: what the event has there. `found`: the pieces of them that matched, as they stand in the values.
    """

    field: str
    condition: str
    holds: bool
    values: tuple[str, ...]
    found: tuple[str, ...] = ()


def explain(node: Node, fields: Fields) -> list[Reason] | None:
    """The parts of a condition that make it hold for an event; None where it does not hold."""
    view = View(fields)
    if not compile_node(node)(view):
        return None
    return list(dict.fromkeys(_because(node, view, wanted=True)))[:MAX_REASONS]


def _because(node: Node, view: View, *, wanted: bool) -> list[Reason]:
    """Why a node is `wanted`, which it is."""
    match node:
        case And() | Or():
            decisive = isinstance(node, Or) if wanted else isinstance(node, And)
            args = node.args
            if decisive:  # one of them was enough: those that say so
                args = tuple(arg for arg in args if compile_node(arg)(view) is wanted)
            return [reason for arg in args for reason in _because(arg, view, wanted=wanted)]
        case Not():
            return _because(node.arg, view, wanted=not wanted)
    values = view.exact[node.field]
    found = _found(node, values) if wanted else ()
    shown = tuple(value[:MAX_SHOWN] for value in values)
    return [Reason(node.field, _said(node, values if wanted else ()), wanted, shown, found)]


def _said(node: Leaf, values: tuple[str, ...]) -> str:
    """A leaf in words. Of many values only those that fit, where there are values to fit."""
    match node:
        case Text():
            fitting = [one for one in node.values if values and _piece(node, one, values)] or node.values
            return f"{_WORDS[node.op]} {_either(fitting)}"
        case Glob():
            return f"fits the pattern {_quoted(node.regex)}"
        case Regex():
            return f"fits {_quoted(node.regex)}"
        case Number():
            return f"is {node.number}"
        case Compare():
            part = f"'s {node.part}" if node.part else ""
            return f"{part} {_SIGNS[node.op]} {node.number}".strip()
        case Part():
            return f"'s {node.part} is {node.number}"
        case Truth():
            return f"is {'true' if node.value else 'false'}"
        case Null():
            return "is missing"
        case Exists():
            return "is there"
        case Cidr():
            return f"is within {node.network}"
        case Ref():
            return f"{_WORDS[node.op]} the value of {node.other}"


def _either(values: list[str] | tuple[str, ...]) -> str:
    shown = [_quoted(value) for value in values[:5]]
    more = f" or {len(values) - 5} others" if len(values) > 5 else ""
    return " or ".join(shown) + more


def _quoted(text: str) -> str:
    return f"`{text if len(text) <= 120 else text[:119] + '…'}`"


def _found(node: Leaf, values: tuple[str, ...]) -> tuple[str, ...]:
    pieces: list[str] = []
    match node:
        case Text():
            pieces = [piece for one in node.values for piece in _piece(node, one, values)]
        case Regex():
            search = compile_regex(node.regex, node.flags).search
            pieces = [found[0] for value in values if (found := search(value))]
        case Null():
            pieces = []
        case _:
            pieces = list(values)
    return tuple(dict.fromkeys(piece[:MAX_SHOWN] for piece in pieces if piece))


def _piece(node: Text, wanted: str, values: tuple[str, ...]) -> list[str]:
    """Where in the values a text of a rule stands, in the values' own letters."""
    pieces = []
    for value in values:
        text = value if node.cased else value.casefold()
        at = {
            "is": 0 if text == wanted else -1,
            "startswith": 0 if text.startswith(wanted) else -1,
            "endswith": len(text) - len(wanted) if text.endswith(wanted) else -1,
            "contains": text.find(wanted),
        }[node.op]
        if at >= 0:
            # Folding can change the length of a text: then the places are no longer the same.
            same = len(text) == len(value)
            pieces.append(value[at : at + len(wanted)] if same and wanted else value)
    return pieces
