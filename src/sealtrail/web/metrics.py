"""GET /metrics: what a Prometheus server asks for, in the form it asks for."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import HEADERS
from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route

Metrics = Callable[[bool], tuple[bytes, str]]
"""(the metrics, their content type); True asks for OpenMetrics rather than the older text format."""

OPENMETRICS = "application/openmetrics-text"


def metrics_routes(metrics: Metrics) -> list[Route]:
    async def scraped(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        """GET /metrics: figures of this server, never of what anybody recorded."""
        wanted = OPENMETRICS in request.headers.get("accept", "")
        body, kind = await run_in_threadpool(metrics, wanted)
        return Response(body, 200, {**HEADERS, "Content-Type": kind})

    about = "Figures for Prometheus, as text or OpenMetrics."
    return [Route("GET", "/metrics", "read", scraped, about=about, gives="text/plain")]
