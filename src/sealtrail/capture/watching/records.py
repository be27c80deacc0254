"""How many records a JSON document holds, counted while it goes by: nothing of it is kept.

It is the length of its longest list that stands in no other list, wherever in its objects that is.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sealtrail.capture.watching.field_names import MAX_NESTED

_ESCAPED: Final = re.compile(rb"\\.", re.DOTALL)
_FLAT: Final = re.compile(rb"\{[^\[\]{}]*+\}")
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_BLANK: Final = b" \t\r\n,"
_OPEN_LIST: Final = b"["[0]
_OPEN: Final = b"{["


def records_of(value: Any, nested: int = 1) -> int | None:
    """The same of a document that is parsed; None where it has no list."""
    if type(value) is list:
        return len(value)
    if type(value) is not dict or nested > MAX_NESTED:
        return None
    most: int | None = None
    for inner in value.values():
        if type(inner) is list or type(inner) is dict:
            found = records_of(inner, nested + 1)
            if found is not None and (most is None or found > most):
                most = found
    return most


class Records:
    """Feed it the document in parts of any size; `count` is None where there is no list in it so far."""

    def __init__(self) -> None:
        self._most = -1
        self._nested = 0  # lists and objects that are open, from the list that is counted
        self._commas = 0
        self._has_items = False
        self._in_text = False
        self._escape = b""  # a backslash that was the last there was

    @property
    def count(self) -> int | None:
        most = max(self._most, self._commas + self._has_items) if self._nested else self._most
        return most if most >= 0 else None

    def feed(self, data: bytes) -> None:
        # Every other piece is the end of a text: a quote, or None where it goes on in the next part.
        if self._escape or b"\\" in data:
            data = _ESCAPED.sub(b"", self._escape + data)
            self._escape = data[-1:] if data.endswith(b"\\") else b""
        # What is left of quotes begins and ends texts in turn. It is the other pieces that count.
        pieces = data.split(b'"')
        text = b"0".join(pieces[self._in_text :: 2])
        if len(pieces) % 2 == 0:
            self._in_text = not self._in_text
        # A text that is still open, or has just begun, is an item.
        if self._in_text:
            text += b"0"
        # Objects without anything nested in them say nothing; with them go nearly all brackets.
        text = _FLAT.sub(b"0", _FLAT.sub(b"0", text))
        start = 0
        for match in _BRACKET.finditer(text):
            at = match.start()
            self._bracket(text[at], text[start:at])
            start = at + 1
        if self._nested == 1:
            self._items(text[start:])

    def _bracket(self, bracket: int, before: bytes) -> None:
        if self._nested == 1:
            self._items(before)
        if bracket in _OPEN:
            if self._nested:
                self._has_items = self._has_items or self._nested == 1
                self._nested += 1
            elif bracket == _OPEN_LIST:
                self._nested, self._commas, self._has_items = 1, 0, False
        elif self._nested:
            if self._nested == 1:
                self._most = self.count or 0
            self._nested -= 1

    def _items(self, text: bytes) -> None:
        self._commas += text.count(b",")
        self._has_items = self._has_items or bool(text.strip(_BLANK))
