"""Whether anybody changed a line: what is signed, what was verified, what did not arrive whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.console.frame import HEADERS, Frame
from sealtrail.event import Fields
from sealtrail.web.caller import Caller
from sealtrail.web.protocols import Asked, Evidence, Finder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

FOUND: Final = "event.action:sealtrail.verify and sealtrail.source:collector"
GAPS: Final = "event.action:sealtrail.gap and sealtrail.source:collector"


class Verifying(Protocol):
    """Runs a full verification; its finding becomes an event."""

    @property
    def running(self) -> bool: ...

    @property
    def last(self) -> Fields | None:
        """The event of the last finding of this run of the server."""
        ...

    def start(self, by: str) -> bool:
        """False where one is running already."""
        ...


class Integrity:
    """Handlers over the evidence."""

    def __init__(
        self,
        frame: Frame,
        finder: Finder,
        evidence: Evidence,
        verifying: Verifying,
        health: Callable[[], dict[str, Any]],
        threads: Threads,
    ) -> None:
        self._frame = frame
        self._finder = finder
        self._evidence = evidence
        self._verifying = verifying
        self._health = health
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/integrity", "read", self.page, reads=True),
            Route("POST", "/integrity", "prove", self.verify),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /integrity."""
        values = await self._threads.run(self._values)
        return self._frame.show(request, caller, "integrity.html", **values)

    async def verify(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        """POST /integrity: begin a full verification."""
        await self._threads.run(lambda: self._verifying.start(caller.signature))
        return RedirectResponse("/integrity", 303, HEADERS)

    def _values(self) -> dict[str, Any]:
        # First whether it runs: a finding that comes between the two looks is shown, not missed.
        running = self._verifying.running
        found = self._finder.page(Asked(FOUND), 1).events
        last = self._verifying.last
        return {
            "running": running,
            "found": found[0] if found else last,
            "heads": self._evidence.heads(),
            "alone": self._evidence.alone(),
            "gaps": self._finder.count(Asked(GAPS)),
            "health": self._health(),
        }
