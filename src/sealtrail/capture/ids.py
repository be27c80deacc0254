"""Identities and times: event, request, trace and span ids, and what callers send of them.

Made of the clock, a counter and bits that are random once per process: no two threads or processes make the
same one, and no request pays for a random number generator.
"""

from __future__ import annotations

import os
import re
import time
from itertools import count
from typing import Final, NamedTuple

# What logs, shells and headers carry without quoting; long enough for the usual gateways' ids.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=+/@-]{0,127}", re.ASCII)
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?",
    re.ASCII,
)


class Parent(NamedTuple):
    """Trace and span of the caller, from its traceparent header."""

    trace_id: str
    span_id: str


class _Process:
    """Random bits of one process, and its counter."""

    def __init__(self) -> None:
        self.seed()

    def seed(self) -> None:
        # 42 bits of a UUID that are neither time nor version nor counter: with 32 bits of counter they make
        # the 74 that RFC 9562 leaves free in version 7.
        self.high = int.from_bytes(os.urandom(2)) >> 4
        self.low = 0x8000000000000000 | (int.from_bytes(os.urandom(4)) >> 2) << 32
        self.span = os.urandom(4).hex().replace("00000000", "00000001")
        self.next = count(int.from_bytes(os.urandom(3))).__next__


_process: Final = _Process()
os.register_at_fork(after_in_child=_process.seed)


def new_hex() -> str:
    """A UUID of version 7 as 32 hexadecimal digits: a trace id as well."""
    return (
        f"{time.time_ns() // 1_000_000:012x}7{_process.high:03x}"
        f"{_process.low | _process.next() & 0xFFFFFFFF:016x}"
    )


def dashed(text: str) -> str:
    """The usual form of a UUID."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id() -> str:
    """A UUID of version 7: identities sort by the millisecond they were made in."""
    return dashed(new_hex())


def new_span_id() -> str:
    return f"{_process.span}{_process.next() & 0xFFFFFFFF:08x}"


def valid_request_id(text: str) -> bool:
    return _REQUEST_ID.fullmatch(text) is not None


def parse_traceparent(text: str) -> Parent | None:
    """The caller's trace; None for a header that W3C Trace Context says to ignore."""
    match = _TRACEPARENT.fullmatch(text) if len(text) <= 256 else None
    if match is None or (match["more"] and text.startswith("00")):
        return None
    return Parent(match["trace"], match["span"])


# The second that was last written out, and its text: one tuple, so that threads never see half of it.
_second: tuple[int, str] = (-1, "")


def moment() -> str:
    """Now, as events say it: RFC 3339 in UTC, always with six digits of a second."""
    global _second  # noqa: PLW0603 - a memo of one entry
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    known, text = _second
    if second != known:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = (second, text)
    return f"{text}.{rest // 1000:06d}Z"
