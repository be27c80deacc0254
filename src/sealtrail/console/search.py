"""The search screen: query bar, histogram, facets, rows. The address is the state."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.charts import Chart, drawn
from sealtrail.console.frame import Frame
from sealtrail.console.refine import mistyped, without_last
from sealtrail.errors import QueryError
from sealtrail.store.query import parse
from sealtrail.store.query.times import from_stamp, instant, micros, stamp
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller
from sealtrail.web.cells import safe
from sealtrail.web.parameters import QUERY, SINCE, UNTIL, Parameter, text
from sealtrail.web.protocols import Asked, Facet, Finder, Listed
from sealtrail.web.routes import Route
from sealtrail.web.search import FACETS
from sealtrail.web.threads import Threads

ROWS: Final = 100  # of one page
VALUES: Final = 8  # of one facet: what fits beside the rows
SINCES: Final = ("15m", "1h", "6h", "24h", "7d", "30d", "today", "yesterday")


class Looked(msgspec.Struct, frozen=True):
    """What one search found. `asked` is the question with the query as it was understood."""

    asked: Asked
    listed: Listed
    count: int
    every: str
    chart: Chart | None
    facets: list[Facet]
    outside: int  # matches at any time, counted where none is within the time that was asked for
    shorter: str  # the query without its last condition, and what that finds
    shorter_count: int
    mistyped: dict[str, list[str]]
    absolute: dict[str, str]  # the address that shows the same tomorrow
    milliseconds: int


class Search:
    """Handlers over the index."""

    def __init__(self, frame: Frame, finder: Finder, threads: Threads) -> None:
        self._frame = frame
        self._finder = finder
        self._threads = threads

    def routes(self) -> list[Route]:
        cursor = Parameter("cursor", "Go on where an earlier answer ended.")
        return [
            Route("GET", "/search", "read", self.page, parameters=(QUERY, SINCE, UNTIL, cursor), reads=True)
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /search?q&since&until&cursor. A query that cannot be read is shown with the place at fault."""
        asked = Asked(text(request, "q") or "*", text(request, "since"), text(request, "until"))
        values: dict[str, Any] = {
            "asked": asked,
            "sinces": SINCES,
            "found": None,
            "told": None,
            "caret": "",
            "fault": "",
        }
        status = 200
        try:
            values["found"] = await self._threads.run(lambda: self._look(asked, text(request, "cursor")))
        except QueryError as error:
            told = Told.of(error)
            status, values["told"] = told.status, told
            if error.query:
                # Escapes are wider than what they stand for: the caret stands below what is shown.
                values["caret"] = f"{safe(error.query)}\n{' ' * len(safe(error.query[: error.column]))}^"
                values["fault"] = _fault(asked)
        return self._frame.show(request, caller, "search.html", status=status, **values)

    def _look(self, asked: Asked, cursor: str) -> Looked:
        started, now, find = time.monotonic(), micros(datetime.now(UTC)), self._finder
        query = str(parse(asked.query, now))
        asked = msgspec.structs.replace(asked, query=query)
        count = find.count(asked)
        every, periods = find.periods(asked)
        shorter = "" if count else without_last(query)
        within = asked.since or asked.until
        return Looked(
            asked=asked,
            listed=find.page(asked, ROWS, cursor),
            count=count,
            every=every,
            chart=_chart(asked, every, periods, now),
            facets=find.facets(asked, FACETS, VALUES) if count else [],
            outside=find.count(Asked(query)) if within and not count else 0,
            shorter=shorter,
            shorter_count=find.count(Asked(shorter, asked.since, asked.until)) if shorter else 0,
            mistyped={} if count else mistyped(query),
            absolute={"q": query, **self._absolute(asked, now)},
            milliseconds=round((time.monotonic() - started) * 1000),
        )

    def _absolute(self, asked: Asked, now: int) -> dict[str, str]:
        """The times as they are now. An application's clock may be ahead: what it sent is not left out."""
        since = stamp(instant(asked.since, now)) if asked.since else ""
        if asked.until:
            return {"since": since, "until": stamp(instant(asked.until, now))}
        ahead = self._finder.page(Asked(asked.query, stamp(now)), 1).events
        newest = from_stamp(str(ahead[0].get("@timestamp", ""))) if ahead else None
        return {"since": since, "until": stamp(now if newest is None else max(now, newest + 1))}


def _chart(asked: Asked, every: str, periods: list[tuple[str, int]], now: int) -> Chart | None:
    first = instant(asked.since, now) if asked.since else None
    last = instant(asked.until, now) if asked.until else now if asked.since else None
    return drawn(every, periods, first, last)


def _fault(asked: Asked) -> str:
    """Which of the two times cannot be read; empty where the query is at fault."""
    for title, given in (("From", asked.since), ("Until", asked.until)):
        try:
            instant(given or "now", 0)
        except QueryError:
            return title
    return ""
