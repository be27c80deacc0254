"""The route table: what there is to ask for, and what somebody needs to be allowed to ask it.

A route cannot be made without saying what it needs. The right is checked before the handler runs and before
a byte of the body is read; no handler checks one itself.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from sealtrail.errors import SealtrailError
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller, Doorkeeper, Need
from sealtrail.web.parameters import Parameter, read

Handler = Callable[[Request, Caller], Awaitable[Response]]


class Lasting(ABC):
    """An answer that holds something until it has ended: it is abandoned where it is never sent."""

    @abstractmethod
    def abandon(self) -> None: ...


Page = Callable[[Request, Told], Response | None]
"""Shows a refusal to a browser as a page (or leads it to the sign-in); None where JSON will do."""

_log = logging.getLogger("sealtrail.web")

PLAIN: Final = (404, 405, 500)


class Route(msgspec.Struct, frozen=True):
    """One method of one path. `path` is Starlette's: `/api/v1/events/{trail}/{index:int}`."""

    method: str
    path: str
    need: Need
    handle: Handler
    about: str = ""  # one sentence for the reference and OpenAPI; empty for pages, which are no API
    parameters: tuple[Parameter, ...] = ()
    takes: type | tuple[str, ...] = ()  # the shape of a JSON body, or the media types of another
    gives: str = "application/json"
    shape: type | None = None  # of the JSON that is given
    reads: bool = False  # whether it gives out what was recorded: then the reading is recorded too
    streams: bool = False  # whether the body is made while it is sent: then there is no HEAD of it


Noted = Callable[[Request, Caller, Route], Awaitable[None]]
"""Records that somebody reads. Called before the answer goes out."""


def application(
    routes: Sequence[Route], keeper: Doorkeeper, *, page: Page | None = None, noted: Noted | None = None
) -> Starlette:
    """The ASGI application of a table; the first path that matches is taken. `state.table` keeps the table.

    ValueError where two routes have the same method and path.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        methods = by_path.setdefault(route.path, {})
        if route.method in methods:
            raise ValueError(f"{route.method} {route.path} is in the table twice")
        methods[route.method] = route

    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, SealtrailError)
        said = Told.of(error)
        if said.message != error.what:
            _log.error("%s %s: %s", request.method, request.url.path[:200], error)
        return _refused(request, said, page)

    handlers = {status: _plain(status, page) for status in PLAIN}
    app = Starlette(
        routes=[_mounted(path, methods, keeper, noted) for path, methods in by_path.items()],
        exception_handlers={SealtrailError: told, **handlers},
    )
    app.state.table = tuple(routes)
    return app


def _mounted(path: str, methods: dict[str, Route], keeper: Doorkeeper, noted: Noted | None) -> StarletteRoute:
    """One Starlette route for all methods of a path, so that a wrong one is told every one that is right."""

    async def endpoint(request: Request) -> Response:
        # Starlette answers HEAD wherever GET is, and does all the work for it.
        route = methods["GET" if request.method == "HEAD" and "HEAD" not in methods else request.method]
        request.state.caller = caller = keeper.admit(request, route.need)
        # For answers that last: a key may be revoked while they do.
        request.state.admit = lambda: keeper.admit(request, route.need)
        if route.parameters:
            request.state.given = read(request, route.parameters)
        if route.streams and request.method == "HEAD":
            raise HTTPException(405, headers={"Allow": ", ".join(methods)})
        answer = await route.handle(request, caller)
        if route.reads and noted is not None and answer.status_code < 400:
            try:
                await noted(request, caller, route)
            except BaseException:
                if isinstance(answer, Lasting):
                    answer.abandon()
                raise
        return answer

    return StarletteRoute(path, endpoint, methods=list(methods))


def _plain(status: int, page: Page | None) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        response = _refused(request, Told.plain(status), page)
        for name, value in (getattr(error, "headers", None) or {}).items():
            response.headers.setdefault(name, value)  # Allow, of a 405
        return response

    return answer


def _refused(request: Request, told: Told, page: Page | None) -> Response:
    """For a browser that wants a page, the page; for everybody else, and for the API always, JSON."""
    browser = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if page is not None and browser:
        shown = page(request, told)
        if shown is not None:
            return shown
    return told.answer()
