"""The sign-in page: by a one-time link, or by name and password."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.accounts.sessions import Session
from sealtrail.console.forms import read_form
from sealtrail.console.frame import HEADERS, Frame
from sealtrail.errors import AccessError, BusyError
from sealtrail.web import cookie
from sealtrail.web.answers import Told
from sealtrail.web.caller import NOBODY, Caller, client_of, require_same_origin
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads


class SignIn(Protocol):
    """Who may come in. Raises AccessError, BusyError; what it does is recorded when it returns."""

    def sign_in(self, name: str, password: str, address: str) -> tuple[str, Session]: ...

    def use_link(self, token: str, address: str) -> tuple[str, Session]: ...

    def sign_out(self, token: str, address: str) -> None: ...


class Signing:
    """Handlers of signing in and out."""

    def __init__(self, frame: Frame, desk: SignIn) -> None:
        self._frame = frame
        self._desk = desk
        # Of its own: whoever guesses passwords must not keep others from searching.
        self._threads = Threads(4)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/sign-in", "public", self.page),
            Route("POST", "/sign-in", "public", self.enter),
            Route("POST", "/sign-out", "known", self.leave),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /sign-in. A link is used by a button: what previews links in a chat must not use it up."""
        given = request.query_params
        return self._frame.show(
            request, caller, "sign-in.html", told=None, link=given.get("link", ""), next=given.get("next", "")
        )

    async def enter(self, request: Request, caller: Caller) -> Response:
        """POST /sign-in: a link's token, or name and password."""
        require_same_origin(request)
        form = await read_form(request)
        link, back = form.get("link", ""), form.get("next", "")
        client = client_of(request)
        try:
            if link:
                token, _ = await self._threads.run(lambda: self._desk.use_link(link, client))
            else:
                name, password = form.get("name", ""), form.get("password", "")
                token, _ = await self._threads.run(lambda: self._desk.sign_in(name, password, client))
        except (AccessError, BusyError) as error:
            told = Told.of(error)
            status = 401 if isinstance(error, AccessError) else told.status
            return self._frame.show(
                request, caller, "sign-in.html", status=status, told=told, link="", next=back
            )
        before = cookie.token_of(request)
        if before:  # its cookie is about to be overwritten, and a session that nobody can end must not go on
            await self._threads.run(lambda: self._desk.sign_out(before, client))
        answer = RedirectResponse(_own(back), 303, HEADERS)
        cookie.put(answer, request, token)
        return answer

    async def leave(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        """POST /sign-out."""
        token = cookie.token_of(request)
        client = client_of(request)
        await self._threads.run(lambda: self._desk.sign_out(token, client))
        answer = self._frame.show(
            request,
            NOBODY,
            "sign-in.html",
            told=None,
            link="",
            next="",
            headers={"Clear-Site-Data": '"cache"'},
        )
        cookie.take(answer, request)
        return answer


def _own(target: str) -> str:
    """Where to go on: a page of ours, whatever the form says."""
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and "\\" not in target
    if not plain or parts.scheme or parts.netloc or not target.isprintable():
        return "/overview"
    return target
