"""The current span of OpenTelemetry, where an application uses it: events then belong to its traces.

OpenTelemetry is never imported here. Who does not use it pays for a look into the mapping of modules, which
callers make themselves: `if otel.API in otel.modules`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sealtrail.capture.context import Call

API: Final = "opentelemetry.trace"
# The API imports it. It is asked first: that nobody traces is told by it in a fraction of the time.
_CONTEXT: Final = "opentelemetry.context"
modules: Final = sys.modules

# On the spans that ASGI instrumentation makes for each message beneath a request's own.
_MESSAGE: Final = "asgi.event.type"


def span_ids() -> tuple[str, str] | None:
    """Trace and span id of the current span; None without one. Never raises."""
    found = _span()
    try:
        return None if found is None else _ids(found.get_span_context())
    except Exception:  # another version's span
        return None


def told_on(trace_id: str) -> tuple[int, str] | None:
    """Flags and state of the current span's trace, for those that it calls; None if it is another trace."""
    found = _span()
    try:
        context = None if found is None else found.get_span_context()
        if context is None or _ids(context)[0] != trace_id:
            return None
        return int(context.trace_flags), str(context.trace_state.to_header())
    except Exception:  # another version's span
        return None


def join(call: Call) -> None:
    """Let a request be what the current span is: that span is the one of the server. Never raises.

    Without a current span nothing changes.
    """
    found = _span()
    if found is None:
        return
    try:
        context, parent = found.get_span_context(), getattr(found, "parent", None)
        if parent is not None and _MESSAGE in (getattr(found, "attributes", None) or ()):
            # From outside of the instrumentation a message's span is seen, and not whose child its parent is.
            context, parent = parent, None
        known = _ids(context)
        if parent is not None:
            call.parent_id = _ids(parent)[1]
        elif call.trace_id != known[0]:
            call.parent_id = ""
        call.trace_id, call.span_id = known
        call.joined = True
    except Exception:  # another version's span
        return


def _ids(context: Any) -> tuple[str, str]:
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def _span() -> Any:
    """The current span if it is a valid one."""
    try:
        if not modules[_CONTEXT].get_current():
            return None
        span = modules[API].get_current_span()
        return span if span.get_span_context().is_valid else None
    except Exception:  # not imported, half imported, or another version's
        return None
