"""What a Django view reads and answers is looked at on its way, for the names of fields."""

from __future__ import annotations

from typing import Any

from sealtrail.capture.exchange import Exchange
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch import Watch, watched
from sealtrail.capture.watching.watch_wsgi import Input


def watch_request(exchange: Exchange, request: Any, plan: Plan) -> None:
    """Look at what is read of this request from here on. Never raises."""
    try:
        watch = watched(exchange, plan, request.headers.get("Content-Encoding", ""))
        watch.root = request.META.get("SCRIPT_NAME") or ""
        stream = vars(request).get("_stream")
        # All ways to a body go through it: `body`, `POST`, `FILES`, `read` and parsers of REST frameworks.
        if watch.request is not None and stream is not None:
            request._stream = Input(stream, watch)  # noqa: SLF001 - there is no other place before all views
    except Exception:  # our own fault must not cost the application a request
        exchange.recorder.failed()


def watch_response(watch: Watch, response: Any) -> None:
    """Look at the head of an answer, and at its body unless that is a stream."""
    watch.answers(response.headers.items())
    if not response.streaming:
        watch.said(response.content)
