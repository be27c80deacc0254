"""Who is refused, and the hand on it: block for a while, with a reason, and undo."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.console.forms import Form, read_form
from sealtrail.console.frame import HEADERS, Frame, address
from sealtrail.errors import UsageError
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Blocker
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

DURATIONS: Final = ("15m", "1h", "6h", "1d", "7d")


class BlockPages:
    """Handlers over the blocks. Forms on the page of an alert come here too, and lead back to it."""

    def __init__(self, frame: Frame, blocker: Blocker, threads: Threads) -> None:
        self._frame = frame
        self._blocker = blocker
        self._threads = threads

    def routes(self) -> list[Route]:
        said = Parameter("said", "What was just done.", choices=("", "blocked", "undone", "ended"))
        return [
            Route("GET", "/blocks", "read", self.listed, parameters=(said,), reads=True),
            Route("POST", "/blocks", "respond", self.block),
            Route("POST", "/blocks/undo", "respond", self.undo),
        ]

    async def listed(self, request: Request, caller: Caller) -> Response:
        """GET /blocks."""
        blocks = await self._threads.run(self._blocker.blocks)
        said = text(request, "said")
        return self._frame.show(request, caller, "blocks.html", blocks=blocks, said=said, durations=DURATIONS)

    async def block(self, request: Request, caller: Caller) -> Response:
        """POST /blocks."""
        form = await read_form(request)
        target, duration, reason = _asked(form, "address"), form.get("for", "1h"), _asked(form, "reason")
        await self._threads.run(
            lambda: self._blocker.block(
                target, duration, reason=reason, by=caller.signature, alert=form.get("alert", "")
            )
        )
        return _back(form, "blocked")

    async def undo(self, request: Request, caller: Caller) -> Response:
        """POST /blocks/undo."""
        form = await read_form(request)
        target, reason = _asked(form, "address"), _asked(form, "reason")
        undone = await self._threads.run(
            lambda: self._blocker.unblock(target, reason=reason, by=caller.signature)
        )
        return _back(form, "undone" if undone else "ended")


def _asked(form: Form, name: str) -> str:
    given = form.get(name, "").strip()
    if not given:
        raise UsageError("usage.argument", f"the form needs a {name}", hint="Go back and fill it in.")
    return given


def _back(form: Form, said: str) -> Response:
    """To the alert the form stood beside, else to the list. Only to our own pages, whatever it says."""
    alert = form.get("alert", "")
    return RedirectResponse(
        address(f"/alerts/{alert}") if alert else address("/blocks", said=said), 303, HEADERS
    )
