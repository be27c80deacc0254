"""Text as the query language compares it: case, words and wildcards, alike in SQL and in Python.

Both sides of every comparison must agree to the letter, so the rules are ours and small: a word is a run of
ASCII letters, digits, `_` and anything outside ASCII. No table of Unicode versions is involved.
"""

from __future__ import annotations

import re
from typing import Final

_RUN: Final = re.compile("[0-9A-Za-z_\x80-\U0010ffff]+")
_IN: Final = r"[0-9A-Za-z_\x{80}-\x{10FFFF}]"
_OUT: Final = r"[^0-9A-Za-z_\x{80}-\x{10FFFF}]"
_SPECIAL: Final = re.compile(r"[\\^$.|?*+()\[\]{}]")

# A pattern of one word: `a*b` is ("a", "b").
Pattern = tuple[str, ...]


def fold(text: str) -> str:
    """Lower case letter by letter, as DuckDB does: no final sigma, and a dotted capital I is an `i`."""
    if text.isascii():
        return text.lower()
    return "".join(c.lower() if c != "\u0130" else "i" for c in text)


def words(parts: Pattern) -> tuple[Pattern, ...]:
    """The words of a phrase, folded. A `*` (a gap between parts) is part of the word it touches."""
    found: list[list[str]] = []
    current: list[str] | None = None
    for place, part in enumerate(parts):
        if place:
            if current is None:
                current = [""]
                found.append(current)
            current.append("")
        for character in fold(part):
            if _RUN.match(character) is None:
                current = None
                continue
            if current is None:
                current = [""]
                found.append(current)
            current[-1] += character
    return tuple(tuple(word) for word in found)


def has_phrase(text: str, phrase: tuple[Pattern, ...]) -> bool:
    """True where the words of `phrase` stand in `text` one after the other."""
    run = _RUN.findall(fold(text))
    size = len(phrase)
    return any(all(is_like(run[at + i], phrase[i]) for i in range(size)) for at in range(len(run) - size + 1))


def phrase_regex(phrase: tuple[Pattern, ...]) -> str:
    """`has_phrase` as an RE2 expression over folded text."""
    body = f"{_OUT}+".join(
        # A word is never empty, even where it is nothing but a wildcard.
        f"{_IN}*".join(map(_literal, word)) if any(word) else f"{_IN}+"
        for word in phrase
    )
    return f"(^|{_OUT}){body}($|{_OUT})"


def is_like(text: str, parts: Pattern) -> bool:
    """True where the whole of `text` is `parts` with anything between them. Takes linear time."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    end = len(text) - len(last)
    at = len(first)
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def like_pattern(parts: Pattern) -> str:
    """`is_like` as a LIKE pattern; the escape character is the backslash."""
    return "%".join(re.sub(r"([\\%_])", r"\\\1", part) for part in parts)


def _literal(text: str) -> str:
    # RE2 takes NUL only in its written form.
    return _SPECIAL.sub(r"\\\g<0>", text).replace("\x00", r"\x00")
