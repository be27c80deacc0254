"""GET /api/v1/export: everything that matches, as a stream, recorded before its first byte.

Nobody may have the events without an entry that says so; a second entry says how many went out, also where
the reader went away in the middle.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sealtrail.errors import QueryError
from sealtrail.event import Fields
from sealtrail.web.answers import HEADERS
from sealtrail.web.caller import Caller
from sealtrail.web.cells import COLUMNS, csv_line, csv_row
from sealtrail.web.parameters import QUERY, SINCE, UNTIL, Parameter, text
from sealtrail.web.protocols import Asked, Evidence
from sealtrail.web.routes import Route
from sealtrail.web.search import question

MAX_COLUMNS: Final = 200  # of a CSV: more than there are fields
CHUNK_ROWS: Final = 500  # sent in one piece: large enough that the socket is not what takes long

Exported = Callable[[Request, Caller, Asked, int | None], None]
"""Records an export: with None that it begins, and returns when that is durable; with a number how many

events went out, and returns at once.
"""

_TYPES: Final = {"jsonl": "application/x-ndjson", "raw": "application/x-ndjson", "csv": "text/csv"}


class Exporting:
    """Handlers over the ledger and what records them."""

    def __init__(self, evidence: Evidence, exported: Exported) -> None:
        self._evidence = evidence
        self._exported = exported

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/export",
                "export",
                self.export,
                about="Everything that matches, oldest first, as a stream; recorded in the audit trail.",
                parameters=(
                    QUERY,
                    SINCE,
                    UNTIL,
                    Parameter(
                        "form",
                        "jsonl: fields with their address; raw: the exact bytes that are hashed; csv.",
                        "jsonl",
                        choices=tuple(_TYPES),
                    ),
                    Parameter("columns", "Fields of a CSV, commas between them.", ",".join(COLUMNS)),
                ),
                gives="application/x-ndjson",
                streams=True,
            )
        ]

    async def export(self, request: Request, caller: Caller) -> Response:
        asked, form = question(request), text(request, "form")
        names = [name for name in text(request, "columns").split(",") if name]
        if not 0 < len(names) <= MAX_COLUMNS:
            raise QueryError("query.parameter", f"columns must name 1 to {MAX_COLUMNS} fields")
        rows = self._evidence.rows(asked)
        # The first row before the status: a query that cannot be read is 400, not a stream that breaks.
        first = await run_in_threadpool(lambda: list(_some(rows, 1)))
        await run_in_threadpool(self._exported, request, caller, asked, None)

        whole, count = chain(first, rows), 0

        def piece() -> tuple[bytes, int]:
            some = list(_some(whole, CHUNK_ROWS))
            return b"".join(_line(form, names, fields, data) for fields, data in some), len(some)

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal count
            if form == "csv":
                yield csv_line(names).encode()
            while (told := await run_in_threadpool(piece))[1]:
                yield told[0]
                count += told[1]

        name = f"sealtrail-export.{'csv' if form == 'csv' else 'jsonl'}"
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return _Stream(
            pieces(),
            lambda: self._exported(request, caller, asked, count),
            headers=headers,
            media_type=_TYPES[form],
        )


class _Stream(StreamingResponse):
    """A stream that says when it has ended, also when its reader has gone."""

    def __init__(self, content: AsyncIterator[bytes], ended: Callable[[], None], **options: Any) -> None:
        super().__init__(content, **options)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


def _line(form: str, names: list[str], fields: Fields, data: bytes) -> bytes:
    if form == "csv":
        return csv_row(names, fields).encode()
    return (data if form == "raw" else msgspec.json.encode(fields)) + b"\n"


def _some(rows: Iterator[tuple[Fields, bytes]], most: int) -> Iterator[tuple[Fields, bytes]]:
    for _, row in zip(range(most), rows, strict=False):
        yield row
