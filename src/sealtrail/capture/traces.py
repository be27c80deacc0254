"""Which request, trace and user the work of this thread or task belongs to.

Where OpenTelemetry is in use its span says which trace that is, so that events, logs and traces join. It is
never imported here: who does not use it pays for one look into a mapping.
"""

from __future__ import annotations

import sys
from typing import Any, Final, NamedTuple

from sealtrail.capture import context
from sealtrail.capture.context import ANONYMOUS

_OTEL: Final = "opentelemetry.trace"
_module: Final = sys.modules.get


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
    trace = _module(_OTEL)
    span = None if trace is None else span_ids(trace)
    if call is None:
        user = context.acting(None).user_id
        trace_id, span_id = span or ("", "")
        return Ids("", trace_id, span_id, "" if user == ANONYMOUS else user)
    user = call.acting().user_id
    trace_id, span_id = span or (call.trace_id, call.span_id)
    return Ids(call.request_id, trace_id, span_id, "" if user == ANONYMOUS else user)


def span_ids(trace: Any) -> tuple[str, str] | None:
    """Trace and span id of the current span by the module `opentelemetry.trace`; None without a span."""
    try:
        span = trace.get_current_span().get_span_context()
        found = (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else None
    except Exception:  # a module that is half imported, or another version's
        return None
    return found
