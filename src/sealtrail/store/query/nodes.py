"""The query as a tree. Every node prints itself back: `parse(str(node)) == node`.

A `*` in a value stands for any run of characters. It is kept as the gaps between `parts`: `a*b` is
`("a", "b")`, `a*` is `("a", "")`. Nothing here knows the types of fields: see `meaning`.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

Operator = Literal[">", ">=", "<", "<="]

KEYWORDS: Final = frozenset({"and", "or", "not"})

# Printed without quotation marks; anything else is quoted or escaped, which is always right.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./@%+~,#$:-]+", re.ASCII)
_PLAIN_CHARACTER: Final = re.compile(r"[A-Za-z0-9_./@%+~,#$-]", re.ASCII)
_ESCAPED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class All(msgspec.Struct, frozen=True):
    """`*`: every event."""

    def __str__(self) -> str:
        return "*"


class Text(msgspec.Struct, frozen=True):
    """A bare word or phrase: some text of the event contains it, upper and lower case alike."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.parts) > 1:
            return _escape("*", self.parts)
        word = self.parts[0]
        return _quoted(word) if ":" in word else _value(word)


class Is(msgspec.Struct, frozen=True):
    """`field:value`."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{_name(self.field)}:{_value(self.value)}"


class Like(msgspec.Struct, frozen=True):
    """`field:a*b`: a value with wildcards."""

    field: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{_name(self.field)}:{_escape('*', self.parts)}"


class Exists(msgspec.Struct, frozen=True):
    """`field:*`: the field is there."""

    field: str

    def __str__(self) -> str:
        return f"{_name(self.field)}:*"


class Compare(msgspec.Struct, frozen=True):
    """`field>=value`."""

    field: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{_name(self.field)}{self.operator}{_value(self.value)}"


class Not(msgspec.Struct, frozen=True):
    """`not node`: true also where the field is missing."""

    node: Node

    def __str__(self) -> str:
        return f"not {_inner(self.node)}"


class And(msgspec.Struct, frozen=True):
    """Two or more nodes that all hold."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inner, self.nodes))


class Or(msgspec.Struct, frozen=True):
    """Two or more nodes of which one holds."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inner, self.nodes))


Node = All | Text | Is | Like | Exists | Compare | Not | And | Or


def both(*nodes: Node) -> Node:
    """All of `nodes`; those that match everything are left out."""
    told = tuple(node for node in nodes if not isinstance(node, All))
    if not told:
        return All()
    return told[0] if len(told) == 1 else And(told)


def _inner(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)


def _value(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and not text.startswith(":") and text.lower() not in KEYWORDS
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join("\\" + c if c in '"\\' else _visible(c) for c in text) + '"'


def _visible(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character.isprintable() or ord(character) > 0xFFFF:
        return character
    return f"\\u{ord(character):04x}"


def _escape(gap: str, parts: tuple[str, ...]) -> str:
    """Parts without quotation marks, joined by `gap`."""
    return gap.join("".join(map(_escape_character, part)) for part in parts)


def _escape_character(character: str) -> str:
    if _PLAIN_CHARACTER.match(character) or character.isalnum():
        return character
    shown = _visible(character)
    return shown if len(shown) > 1 else "\\" + character


def _name(field: str) -> str:
    shown = "".join(map(_escape_character, field))
    if field.lower() in KEYWORDS:
        # `\n` is a line feed, so the backslash goes before a letter that means only itself.
        return shown[0] + "\\" + shown[1:] if shown[0] == "n" else "\\" + shown
    return "\\" + shown if shown.startswith("-") else shown
