"""A record of a stream's beginning, where its end may be hours away: server-sent events, and what takes long.

Its end may also never be recorded, if the process is killed meanwhile: then this is what is left of it. There
is no thread that would look for what takes long, so it is asked when a part of a body is about to go.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import Final

from sealtrail.capture.exchange import Exchange, record
from sealtrail.capture.ids import new_id

LONG_NANOSECONDS: Final = 10_000_000_000  # most requests are over by then
SHORT_BYTES: Final = 65_536  # a body of a known length up to this is not asked about
_EVENTS: Final = "text/event-stream"


def opens(call: Exchange) -> bool:
    """Record that a stream has begun if it is one of these; True once that is done. Never raises.

    The record has the action `http.open`, an id of its own, and no status: how it ends is not known yet, and
    whoever counts answers must not count this one twice.
    """
    if perf_counter_ns() - call.began < LONG_NANOSECONDS and not call.mime.startswith(_EVENTS):
        return False
    kept = call.id, call.action, call.status, call.sent
    try:
        if not call.route:
            call.complete()
        call.id, call.action, call.status, call.sent = new_id(), "http.open", 0, 0
        call.phase = "start"
        record(call, None)
    except Exception:  # our record is never the application's problem
        call.recorder.failed()
    finally:
        call.id, call.action, call.status, call.sent = kept
        call.phase = ""
    return True
