"""The front door: a browser is led to the overview, a program is told what this is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.console.frame import HEADERS
from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route


def home_routes(version: str) -> list[Route]:
    async def home(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        """GET /: by what the client says it reads."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/overview", 303, HEADERS)
        return json_answer({"name": "sealtrail", "version": version, "openapi": "/api/openapi.json"})

    return [Route("GET", "/", "known", home, about="What this is, and where its description is.")]
