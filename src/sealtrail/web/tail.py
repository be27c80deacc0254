"""GET /api/v1/tail: events as they come, as server-sent events.

    id: access:120.audit:33      where to go on from; a browser sends it back as Last-Event-ID
    data: {...}                  one event, its address among the fields
    event: dropped               {"count": n}: the reader was slower than the events, and n were left out
    event: end                   {"why": "..."}: the server stops, or the key was revoked
    : still here                 every 15 seconds, with an id of its own

A slow reader costs memory up to a limit and then events of its own, which are counted. It slows nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sealtrail.errors import AccessError
from sealtrail.web.answers import HEADERS
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import FORM, QUERY, Parameter, number, text
from sealtrail.web.protocols import Follow, Following
from sealtrail.web.routes import Lasting, Route
from sealtrail.web.threads import Threads

BEAT_SECONDS: Final = 15.0  # between two signs of life: proxies cut what is quiet for a minute
LOOK_SECONDS: Final = 0.5  # between two looks whether the server stops
MAX_FIRST: Final = 1_000  # events that a tail may begin with


class Tailing:
    """Handlers over what follows the ledger."""

    def __init__(self, follow: Follow, threads: Threads, stopping: Callable[[], bool]) -> None:
        self._follow = follow
        self._threads = threads
        self._stopping = stopping

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/tail",
                "read",
                self.tail,
                about="Events as they come, oldest first, as server-sent events.",
                parameters=(
                    QUERY,
                    Parameter("n", "Begin with so many of the latest.", 0, most=MAX_FIRST),
                    FORM,
                ),
                gives="text/event-stream",
                streams=True,
                reads=True,
            )
        ]

    async def tail(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        query, first = text(request, "q"), number(request, "n")
        after = request.headers.get("last-event-id", "")
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody reads any more
                loop.call_soon_threadsafe(woken.set)

        following = await self._threads.run(lambda: self._follow(query, first, after, wake))
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        return _Tail(self._told(request, following, woken), following, headers)

    async def _told(
        self, request: Request, following: Following, woken: asyncio.Event
    ) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        beat, raw = time.monotonic(), text(request, "form") == "raw"
        while not self._stopping():
            woken.clear()
            events, dropped = following.take()
            for place, fields, entry in events:
                yield _message(entry if raw else msgspec.json.encode(fields), place=place)
            if dropped:
                yield _notice("dropped", count=dropped)
            # Also while events come: a key that was revoked must not go on reading a busy stream.
            if time.monotonic() - beat >= BEAT_SECONDS:
                beat = time.monotonic()
                try:
                    request.state.admit()
                except AccessError as error:
                    yield _notice("end", why=error.what)
                    return
                yield f"id: {following.place}\n: still here\n\n".encode()
            if not events and not dropped:
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), LOOK_SECONDS)
        yield _notice("end", why="the collector is stopping")


class _Tail(StreamingResponse, Lasting):
    """The stream of one reader; whatever ends it, nothing is kept for the reader any longer."""

    def __init__(self, content: AsyncIterator[bytes], following: Following, headers: dict[str, str]) -> None:
        super().__init__(content, headers=headers, media_type="text/event-stream")
        self._following = following

    def abandon(self) -> None:
        self._following.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.abandon()


def _message(event: bytes, *, place: str) -> bytes:
    """One event. Canonical JSON has no line ends; what was changed on disk may, and stays one message."""
    return f"id: {place}\ndata: ".encode() + b"\ndata: ".join(event.splitlines()) + b"\n\n"


def _notice(kind: str, **said: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode(said) + b"\n\n"
