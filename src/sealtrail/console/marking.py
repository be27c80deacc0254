"""Which pieces of a value a rule found, for highlighting. Pure: a page makes the marks, never a string."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_MARKS: Final = 20  # in one value: a page that is all marks shows nothing


def marked(value: str, found: Iterable[str]) -> list[tuple[str, bool]]:
    """The value in pieces, each with whether it is one that was found. Joined they are the value."""
    spans: list[tuple[int, int]] = []
    for piece in found:
        at = value.find(piece) if piece else -1
        while at >= 0 and len(spans) < MAX_MARKS:
            spans.append((at, at + len(piece)))
            at = value.find(piece, at + len(piece))
    pieces: list[tuple[str, bool]] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start > done:
            pieces.append((value[done:start], False))
        pieces.append((value[max(start, done) : end], True))
        done = end
    if done < len(value):
        pieces.append((value[done:], False))
    return pieces
