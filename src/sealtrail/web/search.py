"""Looking: search, count, histogram, facets, fields. The same words as on the command line."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.errors import QueryError
from sealtrail.event.fields import ADDRESS_FIELDS, FIELDS
from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import FORM, QUERY, SINCE, UNTIL, Parameter, number, text
from sealtrail.web.protocols import Asked, Finder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

MAX_SEARCH_ROWS: Final = 10_000  # of one answer: what a browser and a pipe still take at once
MAX_COUNTED: Final = 10_000  # values of one count: the index counts no more
MAX_FACETS: Final = 20  # fields of one question: each is a query of its own
MAX_FACET_VALUES: Final = 100  # of one field: a list that somebody reads

FACETS: Final = (
    "sealtrail.kind",
    "event.action",
    "event.outcome",
    "http.response.status_code",
    "user.id",
    "client.ip",
    "service.name",
)
"""What is counted where nobody says: what happened, how it ended, who, from where, in what."""


class Looking:
    """Handlers over one finder."""

    def __init__(self, finder: Finder, threads: Threads) -> None:
        self._finder = finder
        self._threads = threads

    def routes(self) -> list[Route]:
        asked = (QUERY, SINCE, UNTIL)
        return [
            Route(
                "GET",
                "/api/v1/search",
                "read",
                self.search,
                about="Events that match, newest first.",
                parameters=(
                    *asked,
                    Parameter("limit", "At most so many.", 100, least=1, most=MAX_SEARCH_ROWS),
                    Parameter("cursor", "Go on where an earlier answer ended."),
                    FORM,
                ),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/count",
                "read",
                self.count,
                about="How many events match: in all, by a field, or by time.",
                parameters=(
                    *asked,
                    Parameter("by", "Count each value of this field."),
                    Parameter("every", "Count each period, such as 5m."),
                    Parameter("limit", "At most so many values.", 100, least=1, most=MAX_COUNTED),
                ),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/histogram",
                "read",
                self.histogram,
                about="Events over time.",
                parameters=(*asked, Parameter("every", "Length of a period; chosen where none is given.")),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/facets",
                "read",
                self.facets,
                about="The most frequent values of several fields, as far as there is time.",
                parameters=(
                    *asked,
                    Parameter("fields", "Names with commas between them.", ",".join(FACETS)),
                    Parameter("limit", "Values of each field.", 10, least=1, most=MAX_FACET_VALUES),
                ),
                reads=True,
            ),
            Route(
                "GET", "/api/v1/fields", "read", self.fields, about="Every field that is known, and its type."
            ),
        ]

    async def search(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        asked, limit, cursor = question(request), number(request, "limit"), text(request, "cursor")

        def found() -> Response:
            listed = self._finder.page(asked, limit, cursor)
            told: dict[str, Any] = {"query": asked.query, "count": len(listed.events)}
            if text(request, "form") == "raw":
                # Canonical JSON is UTF-8; what somebody changed on disk may not be.
                told["entries"] = [entry.decode(errors="replace") for entry in listed.entries]
            else:
                told["events"] = listed.events
            return json_answer({**told, "cursor": listed.cursor})

        return await self._threads.run(found)

    async def count(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        asked, by, every = question(request), text(request, "by"), text(request, "every")
        if by and every:
            raise QueryError("query.parameter", "by and every are two different questions: ask one of them")

        def counted() -> Response:
            if by:
                values = self._finder.count_by(asked, by, number(request, "limit"))
                counts = [{by: value, "count": events} for value, events in values]
            elif every:
                counts = _periods(self._finder.periods(asked, every)[1])
            else:
                counts = [{"count": self._finder.count(asked)}]
            return json_answer({"query": asked.query, "counts": counts})

        return await self._threads.run(counted)

    async def histogram(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        asked, every = question(request), text(request, "every")

        def counted() -> Response:
            length, periods = self._finder.periods(asked, every)
            return json_answer({"query": asked.query, "every": length, "periods": _periods(periods)})

        return await self._threads.run(counted)

    async def facets(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        asked, limit = question(request), number(request, "limit")
        names = list(dict.fromkeys(name for name in text(request, "fields").split(",") if name))
        if not 0 < len(names) <= MAX_FACETS:
            raise QueryError("query.parameter", f"fields must name 1 to {MAX_FACETS} fields")

        def counted() -> Response:
            found = self._finder.facets(asked, names, limit)
            told = [
                {
                    "field": one.field,
                    "values": [{"value": value, "count": events} for value, events in one.values],
                    "late": one.late,
                }
                for one in found
            ]
            return json_answer({"query": asked.query, "facets": told})

        return await self._threads.run(counted)

    async def fields(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        known = [*FIELDS.values(), *ADDRESS_FIELDS]
        return json_answer({"fields": [one._asdict() for one in known]})


def question(request: Request) -> Asked:
    """The question a request asks: `q`, `since`, `until`."""
    return Asked(text(request, "q"), text(request, "since"), text(request, "until"))


def _periods(periods: list[tuple[str, int]]) -> list[dict[str, str | int]]:
    return [{"@timestamp": start, "count": events} for start, events in periods]
