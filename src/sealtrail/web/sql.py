"""POST /api/v1/sql: one foreign SELECT, recorded before it runs, for its errors say something as well."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.errors import UsageError
from sealtrail.web.answers import json_answer
from sealtrail.web.bodies import json_body
from sealtrail.web.caller import Caller
from sealtrail.web.protocols import Selected, Selector
from sealtrail.web.routes import Noted, Route
from sealtrail.web.threads import Threads

MAX_STATEMENT_BYTES: Final = 256 * 1024  # of a body: the longest statement, with room for escapes
MAX_STATEMENT_SECONDS: Final = 50.0  # over HTTP: clients and proxies wait a minute for the first byte


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/sql. `limit` counts rows, `timeout` seconds."""

    statement: str
    since: str = ""
    until: str = ""
    limit: int = 1000
    timeout: float = 30.0


class Selecting:
    """The handler over what runs a statement, and what records that somebody reads."""

    def __init__(self, selector: Selector, threads: Threads, noted: Noted) -> None:
        self._selector = selector
        self._threads = threads
        self._noted = noted
        self._route = Route(
            "POST",
            "/api/v1/sql",
            "export",
            self.select,
            about="One SELECT over all events, run by a process that can do nothing else.",
            takes=Statement,
            shape=Selected,
        )

    def routes(self) -> list[Route]:
        return [self._route]

    async def select(self, request: Request, caller: Caller) -> Response:
        asked = await json_body(request, Statement, MAX_STATEMENT_BYTES)
        if not 0 < asked.timeout <= MAX_STATEMENT_SECONDS:
            raise UsageError(
                "usage.argument", f"over HTTP a statement may take at most {MAX_STATEMENT_SECONDS:g} seconds"
            )
        request.state.given = {"statement": asked.statement, "since": asked.since, "until": asked.until}
        await self._noted(request, caller, self._route)
        found = await self._threads.run(
            lambda: self._selector.select(
                asked.statement,
                since=asked.since,
                until=asked.until,
                rows=asked.limit,
                seconds=asked.timeout,
            )
        )
        return json_answer(found)
