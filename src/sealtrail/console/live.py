"""Live tail: what comes in, as it comes. Without script it is the newest page, and a link looks again."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.frame import Frame
from sealtrail.errors import QueryError
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Asked, Finder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

QUIET: Final = "not event.action:sealtrail.head"  # heads, one every few seconds, are no news

FIRST: Final = 50  # events that are there before the first new one


class Live:
    """Handlers over the index; what follows is `/api/v1/tail`."""

    def __init__(self, frame: Frame, finder: Finder, threads: Threads) -> None:
        self._frame = frame
        self._finder = finder
        self._threads = threads

    def routes(self) -> list[Route]:
        given = Parameter("q", "What to follow; without it all but the heads of trails.", QUIET)
        return [Route("GET", "/live", "read", self.page, parameters=(given,), reads=True)]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /live?q."""
        query = text(request, "q")
        try:
            events = (await self._threads.run(lambda: self._finder.page(Asked(query), FIRST))).events
            told = None
        except QueryError as error:
            events, told = [], Told.of(error)
        status = told.status if told else 200
        return self._frame.show(
            request, caller, "live.html", status=status, query=query, events=events, told=told
        )
