"""Which request, trace and user the work of this thread or task belongs to.

Where OpenTelemetry is in use its span says which trace that is, so that events, logs and traces join.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sealtrail.capture import context, otel
from sealtrail.capture.context import ANONYMOUS


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
