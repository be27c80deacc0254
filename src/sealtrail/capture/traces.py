"""Which request, trace and user the work of this thread or task belongs to.

Where OpenTelemetry is in use its span says which trace that is, so that events, logs and traces join.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sealtrail.capture import context, otel
from sealtrail.capture.context import ANONYMOUS, Call
from sealtrail.capture.ids import parse_traceparent

# What is known of them: the trace is sampled, its id is random. Others must not be passed on.
_FLAGS: Final = 0x03
_SAMPLED: Final = 0x01
_FLAGS_AT: Final = slice(53, 55)
# W3C Trace Context: up to 32 members. 512 characters at least are to be passed on, and members above 128
# are the first to go.
_MAX_MEMBERS: Final = 32
_MAX_STATE: Final = 512
_LONG: Final = 128
_MEMBER: Final = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,256}", re.ASCII)


class Ids(NamedTuple):
    """Ids of now; each is empty where there is none. `user_id` is empty for an anonymous caller."""

    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    user_id: str = ""


NO_IDS: Final = Ids()


def current() -> Ids:
    """Ids of the current request, with the trace of OpenTelemetry's current span where there is one."""
    call = context.current.get()
    span = otel.span_ids() if otel.API in otel.modules else None
    if call is None:
        user = context.acting(None).user_id
        trace_id, span_id = span or ("", "")
        return Ids("", trace_id, span_id, "" if user == ANONYMOUS else user)
    user = call.acting().user_id
    trace_id, span_id = span or (call.trace_id, call.span_id)
    return Ids(call.request_id, trace_id, span_id, "" if user == ANONYMOUS else user)


def onward(call: Call | None, trace_id: str) -> tuple[str, str]:
    """`trace-flags` and `tracestate` for whom this request calls; the state is empty where there is none.

    Those of the caller, as the W3C asks: who was not sampled does not make others be. A trace that begins
    here is sampled, for all of it is recorded.
    """
    span = otel.told_on(trace_id) if otel.API in otel.modules else None
    if span is not None:
        flags, state = span
    else:
        head = getattr(call, "head", None)
        given = "" if head is None else head.traceparent
        parent = parse_traceparent(given) if given else None
        if head is None or parent is None or parent[0] != trace_id:
            return f"{_SAMPLED:02x}", ""
        flags, state = int(given[_FLAGS_AT], 16), head.tracestate
    return f"{flags & _FLAGS:02x}", members(state) if state else ""


def members(state: str) -> str:
    """A `tracestate` as it may be passed on; empty for one that nobody can read."""
    found = [member for member in (part.strip(" \t") for part in state.split(",")) if member]
    keys = {member.partition("=")[0] for member in found}
    if len(found) > _MAX_MEMBERS or len(keys) < len(found) or not all(map(_MEMBER.fullmatch, found)):
        return ""
    if len(",".join(found)) > _MAX_STATE:
        found = [member for member in found if len(member) <= _LONG]
    while len(",".join(found)) > _MAX_STATE:
        found.pop()
    return ",".join(found)
