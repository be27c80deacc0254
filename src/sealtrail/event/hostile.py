"""Any Python value as something that JSON can hold: nothing here raises, whatever the value does. Pure.

What cannot be kept becomes text with a note: `value.surrogate`, `value.bytes`, `value.number`,
`value.object`, `value.unprintable`, `value.deep`, `value.key`, `value.set`. What is cut gets the note `cut`.
"""

from __future__ import annotations

import math
from typing import Any, Final

from sealtrail.event.limits import MAX_INTEGER

CUT: Final = "cut"

# An act's details are read by people. These keep them within an entry with room for everything else.
MAX_TEXT: Final = 2048
MAX_ITEMS: Final = 256
MAX_NESTING: Final = 8
_MAX_ALL: Final = 8192  # characters of one value, all its leaves together


def text(value: Any, limit: int, notes: list[str]) -> str:
    """`value` as text of at most `limit` characters that UTF-8 can hold; `notes` gets what was odd."""
    if type(value) is not str:
        value = _as_text(value, notes)
    if len(value) > limit:
        value = value[:limit]
        notes.append(CUT)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "backslashreplace").decode()[:limit]
            notes.append("value.surrogate")
    return str(value)


def plain(value: Any, notes: list[str]) -> Any:
    """A copy of `value` made of mappings, lists, texts, numbers, booleans and None, bounded in every way."""
    return _Plain(notes).convert(value, 0)


def _as_text(value: Any, notes: list[str]) -> str:
    try:
        if isinstance(value, str):
            return str.__str__(value)[:]
        if isinstance(value, bytes | bytearray | memoryview):
            notes.append("value.bytes")
            return bytes(value).decode("utf-8", "backslashreplace")
        if isinstance(value, int) and not isinstance(value, bool):
            return _integer(int(value))
        made = str(value)
    except Exception:  # a value's own code may raise anything
        notes.append("value.unprintable")
        return f"<unprintable {_type_name(value)}>"
    if " at 0x" in made:
        # The default text of an object tells where it lies in memory, which helps an attacker only.
        return f"<{_type_name(value)}>"
    return made if type(made) is str else str.__str__(made)[:]


def _integer(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # longer than the interpreter is willing to print
        return hex(value)


def _type_name(value: Any) -> str:
    name = type(value).__name__
    return name[:64] if name.isascii() else "object"


class _Plain:
    """One conversion and what is left of its budget."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.items = MAX_ITEMS
        self.characters = _MAX_ALL

    def convert(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            if -MAX_INTEGER <= value <= MAX_INTEGER:
                return value
            self.notes.append("value.number")
            return self.text(_integer(value))
        if kind is float:
            if math.isfinite(value):
                return value
            self.notes.append("value.number")
            return str(value)
        if isinstance(value, str):
            return self.text(value)
        try:
            if isinstance(value, dict):
                return self.mapping(value, depth)
            if isinstance(value, list | tuple | set | frozenset):
                return self.sequence(value, depth)
        except Exception:  # a subclass may raise from any of its methods, or change while it is read
            self.notes.append("value.unprintable")
            return f"<unprintable {_type_name(value)}>"
        if isinstance(value, bytes | bytearray | memoryview):
            return self.text(value)
        if isinstance(value, int | float):
            return self.number(value, depth)
        self.notes.append("value.object")
        return self.text(value)

    def number(self, value: Any, depth: int) -> Any:
        """A subclass of a number, such as an IntEnum."""
        try:
            return self.convert(
                int.__int__(value) if isinstance(value, int) else float.__float__(value), depth
            )
        except Exception:
            self.notes.append("value.unprintable")
            return f"<unprintable {_type_name(value)}>"

    def text(self, value: Any) -> str:
        made = text(value, min(MAX_TEXT, max(self.characters, 0)), self.notes)
        self.characters -= len(made)
        return made

    def mapping(self, value: dict[Any, Any], depth: int) -> Any:
        if depth >= MAX_NESTING:
            self.notes.append("value.deep")
            return "..."
        made: dict[str, Any] = {}
        for key, item in list(value.items())[: self.items + 1]:
            if not self.take():
                break
            name = key if type(key) is str else self.text(key)
            if type(key) is not str:
                self.notes.append("value.key")
            name = self.text(name)
            while name in made:
                name += "~"
            made[name] = self.convert(item, depth + 1)
        return made

    def sequence(self, value: Any, depth: int) -> Any:
        if depth >= MAX_NESTING:
            self.notes.append("value.deep")
            return "..."
        if isinstance(value, set | frozenset):
            self.notes.append("value.set")
            # Equal sets give equal bytes.
            value = sorted(value, key=lambda item: _as_text(item, []))
        made: list[Any] = []
        for item in list(value)[: self.items + 1]:
            if not self.take():
                break
            made.append(self.convert(item, depth + 1))
        return made

    def take(self) -> bool:
        """Count one more item; False, and a note, once there are too many."""
        self.items -= 1
        if self.items < 0 or self.characters <= 0:
            self.notes.append(CUT)
            return False
        return True
