"""One pass over a text that tells which literals are in it, by Hyperscan where that is installed. Pure.

It decides where to look and never what is found: each pattern is still run by the standard library, so the
findings are the same with it and without. A scan needs memory of its own. It is taken from a list and put
back, one step each that no thread can come between, so no two scans share it; a scan that a fork cut off in
another thread leaves the child with one piece fewer, and the next scan makes a new one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Protocol


class Gate(Protocol):
    def __call__(self, raw: bytes, /) -> list[int]:
        """Numbers of the literals and patterns that are in a text, each once, in no order."""


_MAX_SPARE: Final = 64


def gate(literals: Sequence[str], patterns: Sequence[str] = ()) -> Gate | None:
    """A gate for literals, numbered from 0, and patterns, numbered on; None where Hyperscan is not there."""
    try:
        import hyperscan
    except ImportError:
        return None
    expressions = [*(_escaped(text) for text in literals), *(pattern.encode() for pattern in patterns)]
    # Whatever keeps it from working on this machine, such as an old processor: the standard library does.
    try:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(expressions),
        )
        scratch = hyperscan.Scratch(database)
        found = _Gate(database, scratch)
        found(b"")
    except Exception:
        return None
    return found


def _escaped(literal: str) -> bytes:
    return re.escape(literal).encode()


class _Gate:
    __slots__ = ("_scan", "_scratch", "_spare")

    def __init__(self, database: Any, scratch: Any) -> None:
        self._scan = database.scan
        self._scratch = scratch
        self._spare: list[Any] = []

    def __call__(self, raw: bytes, /) -> list[int]:
        found: list[int] = []
        try:
            scratch = self._spare.pop()
        except IndexError:
            scratch = self._scratch.clone()
        self._scan(raw, match_event_handler=_note, context=found, scratch=scratch)
        if len(self._spare) < _MAX_SPARE:
            self._spare.append(scratch)
        return found


def _note(number: int, start: int, end: int, flags: int, found: list[int]) -> None:  # noqa: ARG001 - Hyperscan's
    found.append(number)
