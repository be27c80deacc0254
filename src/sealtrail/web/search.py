"""GET /api/v1/search: events that match a query, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.errors import QueryError
from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route

Search = Callable[[str, str, str, int], list[dict[str, Any]]]
"""query, since, until, limit -> rows with `sealtrail.trail` and `sealtrail.index`."""

MAX_SEARCH_ROWS: Final = 10_000  # of one answer: what a browser and a pipe still take at once


def search_routes(search: Search) -> list[Route]:
    async def found(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        """GET /api/v1/search?q&since&until&limit: newest first."""
        given = request.query_params
        limit = given.get("limit", "100")
        # Its length first: int() has a limit of its own, and another error for it.
        if (
            len(limit) > 9
            or not limit.isascii()
            or not limit.isdigit()
            or not 0 < int(limit) <= MAX_SEARCH_ROWS
        ):
            raise QueryError("query.syntax", f"limit must be a number from 1 to {MAX_SEARCH_ROWS}")
        query = given.get("q", "*")
        rows = await run_in_threadpool(
            search, query, given.get("since", ""), given.get("until", ""), int(limit)
        )
        return json_answer({"query": query, "count": len(rows), "events": rows})

    return [Route("GET", "/api/v1/search", "read", found)]
