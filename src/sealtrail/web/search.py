"""Looking: search, count, histogram, facets, fields. The same words as on the command line."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.errors import QueryError
from sealtrail.event import Fields
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


class Found(msgspec.Struct, frozen=True):
    """Events, newest first: flat, with their address. `entries` in their place where `form` is raw."""

    query: str
    count: int
    cursor: str
    events: list[Fields] | UnsetType = UNSET
    entries: list[str] | UnsetType = UNSET


class Counts(msgspec.Struct, frozen=True):
    """Each of `counts` has `count` and, where asked for, the field or the start of the period."""

    query: str
    counts: list[dict[str, Any]]


class Period(msgspec.Struct, frozen=True):
    """Events from a start on, for one length."""

    start: str = msgspec.field(name="@timestamp")
    count: int = 0


class Histogram(msgspec.Struct, frozen=True):
    """Periods that have any events, oldest first; `every` is their length."""

    query: str
    every: str
    periods: list[Period]


class Value(msgspec.Struct, frozen=True):
    """One value of a field and how many events have it."""

    value: Any
    count: int


class FacetTold(msgspec.Struct, frozen=True):
    """The most frequent values of a field. `late`: there was no time for it, so there are none."""

    field: str
    values: list[Value]
    late: bool


class Facets(msgspec.Struct, frozen=True):
    """Facets in the order that was asked for."""

    query: str
    facets: list[FacetTold]


class FieldTold(msgspec.Struct, frozen=True):
    """One field: its name, its type and what it says."""

    name: str
    type: str
    meaning: str


class FieldsTold(msgspec.Struct, frozen=True):
    """Every field that is known, in schema order."""

    fields: list[FieldTold]


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
                shape=Found,
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
                shape=Counts,
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
                shape=Histogram,
                parameters=(*asked, Parameter("every", "Length of a period; chosen where none is given.")),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/facets",
                "read",
                self.facets,
                about="The most frequent values of several fields, as far as there is time.",
                shape=Facets,
                parameters=(
                    *asked,
                    Parameter("fields", "Names with commas between them.", ",".join(FACETS)),
                    Parameter("limit", "Values of each field.", 10, least=1, most=MAX_FACET_VALUES),
                ),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/fields",
                "read",
                self.fields,
                about="Every field that is known, and its type.",
                shape=FieldsTold,
            ),
        ]

    async def search(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        asked, limit, cursor = question(request), number(request, "limit"), text(request, "cursor")

        def found() -> Response:
            listed = self._finder.page(asked, limit, cursor)
            raw = text(request, "form") == "raw"
            return json_answer(
                Found(
                    asked.query,
                    len(listed.events),
                    listed.cursor,
                    UNSET if raw else listed.events,
                    # Canonical JSON is UTF-8; what somebody changed on disk may not be.
                    [entry.decode(errors="replace") for entry in listed.entries] if raw else UNSET,
                )
            )

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
                counts = [
                    {"@timestamp": start, "count": events}
                    for start, events in self._finder.periods(asked, every)[1]
                ]
            else:
                counts = [{"count": self._finder.count(asked)}]
            return json_answer(Counts(asked.query, counts))

        return await self._threads.run(counted)

    async def histogram(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        asked, every = question(request), text(request, "every")

        def counted() -> Response:
            length, periods = self._finder.periods(asked, every)
            told = [Period(start, events) for start, events in periods]
            return json_answer(Histogram(asked.query, length, told))

        return await self._threads.run(counted)

    async def facets(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        asked, limit = question(request), number(request, "limit")
        names = list(dict.fromkeys(name for name in text(request, "fields").split(",") if name))
        if not 0 < len(names) <= MAX_FACETS:
            raise QueryError("query.parameter", f"fields must name 1 to {MAX_FACETS} fields")

        def counted() -> Response:
            found = self._finder.facets(asked, names, limit)
            told = [
                FacetTold(one.field, [Value(value, events) for value, events in one.values], one.late)
                for one in found
            ]
            return json_answer(Facets(asked.query, told))

        return await self._threads.run(counted)

    async def fields(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        known = [*FIELDS.values(), *ADDRESS_FIELDS]
        return json_answer(FieldsTold([FieldTold(*one) for one in known]))


def question(request: Request) -> Asked:
    """The question a request asks: `q`, `since`, `until`."""
    return Asked(text(request, "q"), text(request, "since"), text(request, "until"))
