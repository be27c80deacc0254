"""Identities and times: event, request, trace and span ids, and what callers send of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import getrandbits
from typing import Final, NamedTuple

import uuid_utils

# What logs, shells and headers carry without quoting; long enough for the usual gateways' ids.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=+/@-]{0,127}", re.ASCII)
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?",
    re.ASCII,
)

_uuid7 = uuid_utils.uuid7


class Parent(NamedTuple):
    """Trace and span of the caller, from its traceparent header."""

    trace_id: str
    span_id: str


def new_id() -> str:
    """A UUID of version 7: identities sort by the time they were made."""
    return str(_uuid7())


def new_span_id() -> str:
    return f"{getrandbits(64) or 1:016x}"


def valid_request_id(text: str) -> bool:
    return _REQUEST_ID.fullmatch(text) is not None


def parse_traceparent(text: str) -> Parent | None:
    """The caller's trace; None for a header that W3C Trace Context says to ignore."""
    match = _TRACEPARENT.fullmatch(text.strip()) if len(text) <= 256 else None
    if match is None or (match["more"] and text.lstrip().startswith("00")):
        return None
    return Parent(match["trace"], match["span"])


def moment() -> datetime | str:
    """Now, for an event: a datetime, which encodes fastest, and always with six digits of a second."""
    now = datetime.now(UTC)
    return now if now.microsecond else now.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
