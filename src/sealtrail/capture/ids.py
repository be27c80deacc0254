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
# What nearly every caller sends. The rest is left to the pattern above.
is_plain_traceparent: Final = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
).fullmatch
# A number below a thousand, in three digits.
_DIGITS: Final = tuple(f"{number:03d}" for number in range(1000))
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
        variant = "89ab"[int(bits[3], 16) % 4]
        self.after_time = f"-7{bits[:3]}-{variant}{bits[4:7]}-{bits[7:11]}"
        self.span = os.urandom(4).hex().replace("00000000", "00000001")
        self.next = count(int.from_bytes(os.urandom(3))).__next__


_process: Final = _Process()
os.register_at_fork(after_in_child=_process.seed)

# The millisecond and the second that were last written out, and their texts: one tuple each, so that threads
# never see half of it. The second from its beginning to its end.
_millisecond: tuple[int, str] = (-1, "")
_second: tuple[float, float, str] = (0.0, 0.0, "")


def new_id(now: float | None = None) -> str:
    """A UUID of version 7: sorts by the millisecond it was made in, `now` in seconds of the epoch."""
    global _millisecond  # noqa: PLW0603 - a memo of one entry
    moment = int((time.time() if now is None else now) * 1000)
    known, text = _millisecond
    if moment != known:
        text = f"{moment & 0xFFFFFFFFFFFF:012x}"
        text = f"{text[:8]}-{text[8:]}"
        _millisecond = (moment, text)
    process = _process
    # Always eight digits, and different for 2^28 ids, which no millisecond holds.
    return f"{text}{process.after_time}{process.next() & 0xFFFFFFFF | 0x10000000:x}"


def new_ids(now: float) -> tuple[str, str]:
    """A UUID, and a span id that goes with it. Without its dashes the UUID makes a trace id as well."""
    made = new_id(now)
    return made, _process.span + made[-8:]


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
    return written(time.time())


def written(now: float) -> str:
    """Seconds of the epoch as events say them. Until 2100 a float tells microseconds apart."""
    global _second  # noqa: PLW0603 - a memo of one entry
    begins, ends, text = _second
    if not begins <= now < ends:
        second = int(now)
        begins = float(second)
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        _second = (begins, begins + 1.0, text)
    micro = int((now - begins) * 1_000_000)
    return f"{text}{_DIGITS[micro // 1000]}{_DIGITS[micro % 1000]}Z"
