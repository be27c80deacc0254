"""How many requests came for what and how they were answered: by route, never by what somebody typed."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

NO_ROUTE: Final = "none"
"""What stands for every path that is none of ours."""

Counts = dict[tuple[str, str, int], int]
"""(route, method, status) -> answers. Written by the loop's thread alone."""


class Counting:
    """ASGI middleware. An answer is counted when its head goes out; what fails before is a 500."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not begun:
                begun = True
                self._count(scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            if not begun:
                self._count(scope, 500)
            raise

    def _count(self, scope: Scope, status: int) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (_route(scope), method, status)
        self._counts[key] = self._counts.get(key, 0) + 1


def _route(scope: Scope) -> str:
    """The path of the route that was taken, as the table has it."""
    endpoint, app = scope.get("endpoint"), scope.get("app")
    if endpoint is not None and app is not None:
        for route in app.routes:
            if isinstance(route, Route) and route.endpoint is endpoint:
                return route.path
    return NO_ROUTE
