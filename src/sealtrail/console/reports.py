"""Reports: choose a framework and a window, have one made, read it, take it away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.comply.framework import Framework
from sealtrail.console.forms import read_form
from sealtrail.console.frame import HEADERS, Frame
from sealtrail.errors import BusyError, NotFoundError, QueryError, UsageError
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller
from sealtrail.web.protocols import Complying, Holder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "tlog-proof": "text/plain; charset=utf-8",
    "checkpoint": "text/plain; charset=utf-8",
    "vkey": "text/plain; charset=utf-8",
}

SIGNS: Final[Mapping[str, str]] = {
    "pass": "good",
    "fail": "bad",
    "no-data": "warn",
    "needs-human": "warn",
    "not-exercised": "",
    "not-applicable": "",
}

# A report's page allows one style sheet, its own, by its digest; the header of the answer says the same.
_STYLE: Final = re.compile(rb"style-src '(sha256-[A-Za-z0-9+/=]{44})'")
_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Kept(msgspec.Struct, frozen=True):
    """A report that was made. `first` and `last` are days, both included; `document` is its report.json."""

    name: str
    made: str
    first: str
    last: str
    document: dict[str, Any]


class Shelf(Protocol):
    """Reports that were made. Names that are not on it raise NotFoundError."""

    def frameworks(self) -> Sequence[Framework]: ...

    def make(self, framework: str, since: str, until: str, *, entity: str, by: str) -> str:
        """Make, record and keep one; its name. Raises NotFoundError, QueryError, UsageError, BusyError."""
        ...

    def reports(self) -> Sequence[Kept]:
        """The newest first."""
        ...

    def report(self, name: str) -> Kept: ...

    def file(self, name: str, path: str) -> bytes: ...

    def archive(self, name: str) -> bytes:
        """The whole folder as a zip file."""
        ...


class Reports:
    """Handlers over the shelf, what retention says, and the legal holds."""

    def __init__(
        self, frame: Frame, shelf: Shelf, complying: Complying, holder: Holder, threads: Threads
    ) -> None:
        self._frame = frame
        self._shelf = shelf
        self._complying = complying
        self._holder = holder
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/reports", "export", self.page),
            Route("POST", "/reports", "export", self.make),
            Route("GET", "/reports/{name}", "export", self.one, reads=True),
            Route("GET", "/reports/{name}/zip", "export", self.archive, reads=True),
            Route("GET", "/reports/{name}/files/{path:path}", "export", self.file, reads=True),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /reports."""
        return await self._page(request, caller, {}, None)

    async def make(self, request: Request, caller: Caller) -> Response:
        """POST /reports: make one, and go to it."""
        form = await read_form(request)
        try:
            name = await self._threads.run(
                lambda: self._shelf.make(
                    form.get("framework", ""),
                    form.get("from", ""),
                    form.get("to", ""),
                    entity=form.get("entity", "")[:200],
                    by=caller.signature,
                )
            )
        except (NotFoundError, QueryError, UsageError, BusyError) as error:
            return await self._page(request, caller, form, Told.of(error))
        return RedirectResponse(f"/reports/{quote(name)}", 303, HEADERS)

    async def one(self, request: Request, caller: Caller) -> Response:
        """GET /reports/{name}: what came out, and the ways to all of it."""
        name = request.path_params["name"]
        kept = await self._threads.run(lambda: self._shelf.report(name))
        return self._frame.show(request, caller, "report.html", kept=kept, told=kept.document, signs=SIGNS)

    async def archive(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        """GET /reports/{name}/zip."""
        name = request.path_params["name"]
        packed = await self._threads.run(lambda: self._shelf.archive(name))
        headers = {
            **HEADERS,
            "Content-Security-Policy": _NOTHING,
            "Content-Disposition": f'attachment; filename="{name}.zip"',
        }
        return Response(packed, headers=headers, media_type="application/zip")

    async def file(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        """GET /reports/{name}/files/{path}: report.html under its own policy, and what it links to."""
        name, path = request.path_params["name"], request.path_params["path"]
        data = await self._threads.run(lambda: self._shelf.file(name, path))
        style = _STYLE.search(data[:4096]) if path.endswith(".html") else None
        policy = f"{_NOTHING}; style-src '{style[1].decode()}'" if style is not None else _NOTHING
        media = TYPES.get(path.rpartition(".")[2], "application/octet-stream")
        return Response(data, headers={**HEADERS, "Content-Security-Policy": policy, "Content-Type": media})

    async def _page(
        self, request: Request, caller: Caller, form: Mapping[str, str], told: Told | None
    ) -> Response:
        def found() -> dict[str, Any]:
            return {
                "frameworks": self._shelf.frameworks(),
                "kept": self._shelf.reports(),
                "trails": self._complying.retention(),
                "holds": self._holder.holds() if caller.may("hold") else [],
            }

        values = await self._threads.run(found)
        return self._frame.show(
            request,
            caller,
            "reports.html",
            status=told.status if told is not None else 200,
            form=form,
            told=told,
            signs=SIGNS,
            **values,
        )
