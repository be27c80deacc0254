"""The first screen: what came in, who failed to, what was found, what is refused, whether all is well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.charts import drawn
from sealtrail.console.frame import Frame
from sealtrail.store.query.times import duration, micros
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Asked, Blocker, Finder, Triage
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

SPANS: Final = ("15m", "1h", "6h", "24h", "7d", "30d")
TOP: Final = 8  # values of a list that is looked at, not read
NEWEST: Final = 6  # alerts that are shown here; their own screen has all

FAILED: Final = "event.action:authn_login_fail"
# What the recorder says of itself is no news of the application.
SENT: Final = "not sealtrail.source:collector"


class Overview:
    """Handlers over what the other screens show at length."""

    def __init__(
        self,
        frame: Frame,
        finder: Finder,
        triage: Triage,
        blocker: Blocker,
        health: Callable[[], dict[str, Any]],
        threads: Threads,
    ) -> None:
        self._frame = frame
        self._finder = finder
        self._triage = triage
        self._blocker = blocker
        self._health = health
        self._threads = threads

    def routes(self) -> list[Route]:
        span = Parameter("span", "How far back.", "24h", choices=SPANS)
        return [Route("GET", "/overview", "read", self.page, parameters=(span,), reads=True)]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /overview?span."""
        span = text(request, "span")
        values = await self._threads.run(lambda: self._values(span))
        return self._frame.show(request, caller, "overview.html", span=span, spans=SPANS, **values)

    def _values(self, span: str) -> dict[str, Any]:
        find, asked = self._finder, Asked(SENT, span)
        every, periods = find.periods(asked)
        events, now = find.count(asked), micros(datetime.now(UTC))
        return {
            "chart": drawn(every, periods, now - duration(span), now),
            "every": every,
            "events": events,
            "ever": events or find.count(Asked(SENT)),
            "failed": find.count(Asked(FAILED, span)),
            "refused": find.count(
                Asked(f"{SENT} and not sealtrail.kind:outbound and http.response.status_code>=500", span)
            ),
            "actions": find.count_by(asked, "event.action", TOP),
            "clients": find.count_by(asked, "client.ip", TOP),
            "failing": find.count_by(Asked(FAILED, span), "client.ip", TOP),
            "alerts": self._triage.newest("active", limit=NEWEST),
            "counts": self._triage.counts(),
            "blocks": self._blocker.blocks(),
            "health": self._health(),
        }
