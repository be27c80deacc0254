"""Identities and times: event, request, trace and span ids, and what callers send of them.

Made of the clock, a counter and bits that are random once per process: no two threads or processes make the
same one, and no request pays for a random number generator.
"""

from __future__ import annotations

import os
import re
import time
from itertools import count
from typing import Final

# What logs, shells and headers carry without quoting; long enough for the usual gateways' ids.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=+/@-]{0,127}", re.ASCII)
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII)
# Added to microseconds it leaves the last six digits, and makes sure that there are six.
_MANY_DIGITS: Final = 10**17
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class _Process:
    """Random bits of one process, and its counter.

    Of the 74 bits that RFC 9562 leaves free in a UUID of version 7, 42 are random and 32 count.
    """

    def __init__(self) -> None:
        self.seed()

    def seed(self) -> None:
        bits = os.urandom(6).hex()
        # Version 7 and 12 bits; then the variant, whose first digit is 8 to b, and 28 bits.
        self.after_time = f"7{bits[:3]}{'89ab'[int(bits[3], 16) % 4]}{bits[4:11]}"
        self.after_time_dashed = f"-7{bits[:3]}-{self.after_time[4:8]}-{self.after_time[8:]}"
        self.span = os.urandom(4).hex().replace("00000000", "00000001")
        self.next = count(int.from_bytes(os.urandom(3))).__next__


_process: Final = _Process()
os.register_at_fork(after_in_child=_process.seed)

# The millisecond and the second that were last written out, and their texts: one tuple each, so that threads
# never see half of it.
_millisecond: tuple[int, str, str] = (-1, "", "")
_second: tuple[int, str] = (-1, "")


def new_ids() -> tuple[str, str]:
    """A UUID of version 7, and the same as 32 hexadecimal digits, which make a trace id as well."""
    global _millisecond  # noqa: PLW0603 - a memo of one entry
    now = time.time_ns() // 1_000_000 & 0xFFFFFFFFFFFF
    known, text, dashed = _millisecond
    if now != known:
        text = f"{now:012x}"
        dashed = f"{text[:8]}-{text[8:]}"
        _millisecond = (now, text, dashed)
    # Always eight digits, and different for 2^28 ids, which no millisecond holds.
    number = f"{_process.next() & 0xFFFFFFFF | 0x10000000:x}"
    return f"{dashed}{_process.after_time_dashed}{number}", f"{text}{_process.after_time}{number}"


def new_id() -> str:
    """A UUID of version 7: identities sort by the millisecond they were made in."""
    return new_ids()[0]


def new_span_id() -> str:
    return f"{_process.span}{_process.next() & 0xFFFFFFFF | 0x10000000:x}"


def valid_request_id(text: str) -> bool:
    return _REQUEST_ID.fullmatch(text) is not None


def parse_traceparent(text: str) -> tuple[str, str] | None:
    """Trace and span id of the caller; None for a header that W3C Trace Context says to ignore."""
    match = _TRACEPARENT.fullmatch(text) if len(text) <= 256 else None
    if match is None:
        return None
    version, trace_id, span_id, more = match.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN or version == "ff" or (more and version == "00"):
        return None
    return trace_id, span_id


def moment() -> str:
    """Now, as events say it: RFC 3339 in UTC, always with six digits of a second."""
    global _second  # noqa: PLW0603 - a memo of one entry
    now = time.time_ns() // 1000
    known, text = _second
    if now // 1_000_000 != known:
        known = now // 1_000_000
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(known))
        _second = (known, text)
    return f"{text}.{str(now + _MANY_DIGITS)[-6:]}Z"
