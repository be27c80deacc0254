"""Daily reviews: which days were signed for, in time or late, and signing for one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.console.forms import read_form
from sealtrail.console.frame import HEADERS, Frame
from sealtrail.errors import QueryError, UsageError
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, number
from sealtrail.web.protocols import Complying
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

WEEKS: Final = 6  # of one page, as a calendar on a wall
MAX_BACK: Final = 520  # weeks: ten years

SIGNS: Final = {"reviewed": "good", "late": "warn", "missing": "bad", "open": "", "before": ""}


class Reviews:
    """Handlers over the book of reviews."""

    def __init__(self, frame: Frame, complying: Complying, threads: Threads) -> None:
        self._frame = frame
        self._complying = complying
        self._threads = threads

    def routes(self) -> list[Route]:
        back = Parameter("back", "Weeks before the present one.", 0, most=MAX_BACK)
        return [
            Route("GET", "/reviews", "read", self.page, parameters=(back,), reads=True),
            Route("POST", "/reviews", "review", self.sign),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /reviews?back."""
        return await self._page(request, caller, number(request, "back"), "", "", None)

    async def sign(self, request: Request, caller: Caller) -> Response:
        """POST /reviews: sign for a day."""
        form = await read_form(request)
        day, note = form.get("day", ""), form.get("note", "")
        try:
            await self._threads.run(lambda: self._complying.sign(day, note, by=caller.signature))
        except (QueryError, UsageError) as error:
            return await self._page(request, caller, 0, day, note, Told.of(error))
        return RedirectResponse("/reviews", 303, HEADERS)

    async def _page(
        self, request: Request, caller: Caller, back: int, day: str, note: str, told: Told | None
    ) -> Response:
        today = datetime.now(UTC).date()
        first = monday(today) - timedelta(weeks=back + WEEKS - 1)
        last = min(today, first + timedelta(weeks=WEEKS) - timedelta(days=1))
        days = await self._threads.run(lambda: self._complying.days(str(first), str(last)))
        weeks: list[list[Any]] = [list(days[at : at + 7]) for at in range(0, len(days), 7)]
        missed = sum(one.status in {"late", "missing"} for one in days)
        return self._frame.show(
            request,
            caller,
            "reviews.html",
            status=told.status if told is not None else 200,
            weeks=weeks,
            days=[one for one in reversed(days) if one.by],
            missed=missed,
            total=len(days),
            back=back,
            step=WEEKS,
            most=MAX_BACK,
            day=day or str(today - timedelta(days=1)),
            today=str(today),
            note=note,
            told=told,
            signs=SIGNS,
        )


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())
