"""Compliance: reports to download, the daily review, and what retention would remove.

Making a report is an event, and so is signing for a day; both under the caller's name. A report walks the
whole ledger, so one is made at a time and others wait for their turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import HEADERS, json_answer
from sealtrail.web.bodies import json_body
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Complying, Day, FrameworkTold, Retained, Signed
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

FORMS: Final = {
    "json": ("application/json", "report.json"),
    "html": ("text/html", "report.html"),
    "zip": ("application/zip", "report.zip"),
}


class FrameworksTold(msgspec.Struct, frozen=True):
    """The frameworks that reports can be made for."""

    frameworks: Sequence[FrameworkTold]


class Days(msgspec.Struct, frozen=True):
    """Each calendar day and what became of its review."""

    days: Sequence[Day]


class Plan(msgspec.Struct, frozen=True):
    """What would go now, by trail."""

    trails: Sequence[Retained]


class Review(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /api/v1/reviews."""

    day: str
    note: str = ""


class Compliance:
    """Handlers over what measures and judges."""

    def __init__(self, complying: Complying, threads: Threads) -> None:
        self._complying = complying
        self._threads = threads
        self._alone = Threads(1)

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/frameworks",
                "read",
                self.frameworks,
                about="The frameworks that reports can be made for.",
                shape=FrameworksTold,
            ),
            Route(
                "GET",
                "/api/v1/reports/{framework}",
                "export",
                self.report,
                about="What the record shows of a framework's controls in a window; recorded.",
                parameters=(
                    Parameter("framework", "Name and version, such as pci-dss-4.0.1.", where="path"),
                    Parameter("from", "First day of the window (UTC)."),
                    Parameter("to", "Last day of the window, included."),
                    Parameter("entity", "Whose report it is; else [compliance] entity."),
                    Parameter(
                        "form",
                        "json, the page alone, or a zip of everything with proofs and keys.",
                        "json",
                        choices=tuple(FORMS),
                    ),
                ),
                streams=True,
            ),
            Route(
                "GET",
                "/api/v1/reviews",
                "read",
                self.reviews,
                about="Each calendar day: reviewed, late, missing, or open.",
                parameters=(
                    Parameter("from", "First day.", "30d"),
                    Parameter("to", "Last day, included.", "today"),
                ),
                shape=Days,
                reads=True,
            ),
            Route(
                "POST",
                "/api/v1/reviews",
                "review",
                self.sign,
                about="Sign that the records of a day were reviewed.",
                takes=Review,
                shape=Signed,
            ),
            Route(
                "GET",
                "/api/v1/retention",
                "read",
                self.retention,
                about="What retention would remove now, and why more stays. Changes nothing.",
                shape=Plan,
            ),
        ]

    async def frameworks(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        return json_answer(FrameworksTold(await self._threads.run(self._complying.frameworks)))

    async def report(self, request: Request, caller: Caller) -> Response:
        framework, form = request.path_params["framework"], text(request, "form")
        window = (text(request, "from"), text(request, "to"))
        data = await self._alone.run(
            lambda: self._complying.report(
                framework, *window, entity=text(request, "entity"), by=caller.signature, form=form
            )
        )
        kind, name = FORMS[form]
        headers: dict[str, Any] = {**HEADERS}
        if form != "json":
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(data, headers=headers, media_type=kind)

    async def reviews(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        since, until = text(request, "from"), text(request, "to")
        return json_answer(Days(await self._threads.run(lambda: self._complying.days(since, until))))

    async def sign(self, request: Request, caller: Caller) -> Response:
        asked = await json_body(request, Review)
        signed = await run_in_threadpool(
            lambda: self._complying.sign(asked.day, asked.note, by=caller.signature)
        )
        return json_answer(signed, 201)

    async def retention(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        return json_answer(Plan(await self._threads.run(self._complying.retention)))
