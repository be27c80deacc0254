"""The HTTP door: events in, receipts out, and whether the house is well.

Handlers do no work of their own: they check the key, read a bounded body and wait for the writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uuid_utils import uuid4

from sealtrail.accounts.keys import Key, Keys, presented
from sealtrail.accounts.roles import Right
from sealtrail.collect.body import STATUS
from sealtrail.collect.intake import Intake, read_body
from sealtrail.collect.pipeline import Pipeline
from sealtrail.collect.rejects import Rejects
from sealtrail.collect.seen import ONCE_PREFIX
from sealtrail.errors import (
    AccessError,
    BusyError,
    EventError,
    LedgerError,
    NotFoundError,
    QueryError,
    SealtrailError,
)
from sealtrail.event import Receipt
from sealtrail.settings import IntakeSettings

Search = Callable[[str, str, str, int], list[dict[str, Any]]]
"""query, since, until, limit -> rows with `sealtrail.trail` and `sealtrail.index`."""

MAX_SEARCH_ROWS: Final = 10_000  # of one answer: what a browser and a pipe still take at once

# Nothing of an answer may be kept by a proxy, sniffed into another type or framed.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Door:
    """Handlers over one pipeline. `app()` is the ASGI application."""

    def __init__(
        self,
        pipeline: Pipeline,
        keys: Keys,
        rejects: Rejects,
        settings: IntakeSettings,
        *,
        search: Search,
        health: Callable[[], dict[str, Any]],
    ) -> None:
        self._pipeline = pipeline
        self._keys = keys
        self._rejects = rejects
        self._settings = settings
        self._search = search
        self._health = health

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/v1/events", self.events, methods=["POST"]),
                Route("/api/v1/search", self.search, methods=["GET"]),
                Route("/healthz", self.healthz, methods=["GET"]),
                Route("/readyz", self.readyz, methods=["GET"]),
            ],
            exception_handlers={
                SealtrailError: _told,
                404: _status(404, "there is nothing at this path"),
                405: _status(405, "this path does not take this method"),
                500: _status(500, "the collector failed; its log says how"),
            },
        )

    async def events(self, request: Request) -> Response:
        """POST /api/v1/events: answered when what was accepted is on disk."""
        key = self._key(request, "send")
        body = await self._body(request)
        intake = await run_in_threadpool(self._read, request, body, key)
        receipt = Receipt(0, 0, 0, ())
        if intake.accepted:
            receipt = await asyncio.wrap_future(self._pipeline.submit(f"key:{key.id}", intake.lines()))
        status = 422 if intake.rejected and not intake.accepted else 200
        return _json(_answer(receipt, intake), status)

    async def search(self, request: Request) -> Response:
        """GET /api/v1/search?q&since&until&limit: newest first."""
        self._key(request, "read")
        given = request.query_params
        limit = given.get("limit", "100")
        # Its length first: int() has a limit of its own, and another error for it.
        if (
            len(limit) > 9
            or not limit.isascii()
            or not limit.isdigit()
            or not 0 < int(limit) <= MAX_SEARCH_ROWS
        ):
            raise QueryError("query.syntax", f"limit must be a number from 1 to {MAX_SEARCH_ROWS}")
        query = given.get("q", "*")
        rows = await run_in_threadpool(
            self._search, query, given.get("since", ""), given.get("until", ""), int(limit)
        )
        return _json({"query": query, "count": len(rows), "events": rows})

    async def healthz(self, request: Request) -> Response:  # noqa: ARG002 - the shape of a handler
        """GET /healthz: the process answers. No key, and so nothing else is said."""
        return _json({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: whether events are accepted, how far followers lag, what was refused."""
        self._key(request, "read")
        health = await run_in_threadpool(self._health)
        return _json(health, 200 if health["ready"] else 503)

    def _key(self, request: Request, right: Right) -> Key:
        return self._keys.allow(presented(dict(request.headers)), right)

    async def _body(self, request: Request) -> bytes:
        """The body as sent, refused as soon as it is known to be too large."""
        limit = self._settings.body_bytes
        declared = request.headers.get("content-length", "")
        parts: list[bytes] = []
        size = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 16 else 0
        if size <= limit:
            size = 0
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    break
                parts.append(part)
        if size > limit:
            raise EventError(
                "body.too-large", f"the body has more than {limit:,} bytes", hint="Send smaller batches."
            )
        return b"".join(parts)

    def _read(self, request: Request, body: bytes, key: Key) -> Intake:
        """Check every line, and put what is refused into quarantine before the producer is told of it."""
        intake = read_body(
            body,
            content_type=request.headers.get("content-type", ""),
            content_encoding=request.headers.get("content-encoding", ""),
            limit=self._settings.body_bytes,
            emitter=f"{ONCE_PREFIX}{uuid4().hex}",
            reserved=key.may("send-reserved"),
        )
        for rejection, raw in zip(intake.rejected, intake.refused, strict=True):
            error = EventError(rejection.code, rejection.error, path=rejection.path)
            self._rejects.add(f"key:{key.id}", f"line {rejection.line}", raw, error)
        if intake.rejected:
            self._rejects.sync()
        return intake


def _answer(receipt: Receipt, intake: Intake) -> dict[str, Any]:
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "conflicts": receipt.conflicts,
        "rejected": intake.rejected,
        "receipts": receipt.receipts,
    }


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value) + b"\n",
        status,
        {**_HEADERS, **(headers or {})},
        media_type="application/json",
    )


async def _told(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the shape of a handler
    """A designed error as its status, with its code and what to do next."""
    assert isinstance(error, SealtrailError)
    headers = {}
    match error:
        case AccessError():
            status = 401 if error.code == "access.missing" else 403
            headers["WWW-Authenticate"] = "Bearer"
        case BusyError():
            status = 429 if error.code == "busy.queue" else 503
            headers["Retry-After"] = str(max(1, round(error.retry_after)))
        case EventError():
            status = STATUS.get(error.code, 422)
        case QueryError():
            status = 400
        case NotFoundError():
            status = 404
        case LedgerError():
            status = 503
            headers["Retry-After"] = "30"
        case _:
            status = 500
    said = {"code": error.code, "message": error.what, "hint": error.hint}
    return _json({"error": said}, status, headers)


def _status(status: int, message: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the shape of a handler
        return JSONResponse({"error": {"code": f"http.{status}", "message": message}}, status, _HEADERS)

    return answer
