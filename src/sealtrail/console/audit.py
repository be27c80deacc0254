"""The audit trail in words: who did what to whom, and how that ended."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.frame import Frame
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import SINCE, UNTIL, Parameter, text
from sealtrail.web.protocols import Asked, Finder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

ROWS: Final = 100  # of one page

KINDS: Final = {
    "acts": ("Acts", "sealtrail.kind:audit"),
    "sign-ins": ("Sign-ins", "sealtrail.kind:authentication"),
    "alerts": ("Alerts and blocks", "sealtrail.kind:alert or event.action:sealtrail.block*"),
    "readings": (
        "Reading and exporting",
        "event.action:sealtrail.read or event.action:sealtrail.export or event.action:sealtrail.report",
    ),
    "people": (
        "People and keys",
        (
            "sealtrail.source:collector and (sealtrail.target.type:person or sealtrail.target.type:key "
            "or event.action:sealtrail.sign-out)"
        ),
    ),
    "recorder": (
        "The recorder itself",
        "sealtrail.kind:system and not (event.action:sealtrail.head or event.action:sealtrail.read)",
    ),
}
"""What one looks for: a title and the query behind it. Heads, one every few seconds, are in none."""

ALL: Final = "not event.action:sealtrail.head"


class Audit:
    """Handlers over the index, for one trail and its successors."""

    def __init__(self, frame: Frame, finder: Finder, threads: Threads) -> None:
        self._frame = frame
        self._finder = finder
        self._threads = threads

    def routes(self) -> list[Route]:
        given = (
            Parameter("kind", "What to look at; all where none is given.", choices=("", *KINDS)),
            SINCE,
            UNTIL,
            Parameter("cursor", "Go on where an earlier answer ended."),
        )
        return [Route("GET", "/audit", "read", self.page, parameters=given, reads=True)]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /audit?kind&since&until&cursor."""
        kind, cursor = text(request, "kind"), text(request, "cursor")
        query = question(kind)
        asked = Asked(query, text(request, "since"), text(request, "until"))
        listed = await self._threads.run(lambda: self._finder.page(asked, ROWS, cursor))
        values: dict[str, Any] = {"kind": kind, "kinds": KINDS, "asked": asked, "listed": listed}
        return self._frame.show(request, caller, "audit.html", **values)


def question(kind: str) -> str:
    """The query of a kind; all of the trail where it is empty."""
    return f"sealtrail.trail:audit and ({KINDS[kind][1] if kind else ALL})"
