"""Whether the house is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route

Health = Callable[[], dict[str, Any]]
"""What `/readyz` says; `ready` is whether events are accepted."""


def health_routes(health: Health) -> list[Route]:
    async def healthz(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        """GET /healthz: the process answers. No key, and so nothing else is said."""
        return json_answer({"status": "ok"})

    async def readyz(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        """GET /readyz: whether events are accepted, how far followers lag, what was refused."""
        said = await run_in_threadpool(health)
        return json_answer(said, 200 if said["ready"] else 503)

    return [
        Route("GET", "/healthz", "public", healthz, about="The process answers."),
        Route(
            "GET", "/readyz", "read", readyz, about="Whether events are accepted, and how far followers lag."
        ),
    ]
