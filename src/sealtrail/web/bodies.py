"""Bodies of requests: bounded whatever is declared, and where a route takes JSON, of one known shape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from sealtrail.errors import BusyError, EventError

_T = TypeVar("_T")

MAX_ACT_BYTES: Final = 16 * 1024  # of a body that asks for one act: an address and a reason


# For a whole body to arrive: who sends a byte now and then must not keep others out.
BODY_SECONDS: Final = 60.0


class Room:
    """Bytes of all bodies that are held at a time. Used from one event loop, so it needs no lock."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """What takes more bytes for one request; all are given back at the end.

        Raises BusyError where there is no room, though never for the only one who asks: a limit below one
        body would refuse it for ever.
        """
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self._held > mine and self._held + size > self._size:
                raise BusyError(
                    "busy.queue", "too many bodies are being read; nothing was taken", retry_after=1
                )
            mine += size
            self._held += size

        try:
            yield take
        finally:
            self._held -= mine


async def bounded(request: Request, limit: int, take: Callable[[int], None] | None = None) -> bytes:
    """The body as sent, refused as soon as it is known to be too large, or takes too long to come.

    `take` is told of every piece before it is kept. Raises EventError, and what `take` raises.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _bounded(request, limit, take)
    except TimeoutError:
        raise EventError(
            "body.too-slow",
            f"the body did not arrive within {BODY_SECONDS:.0f} s",
            hint="Send less at a time.",
        ) from None


async def _bounded(request: Request, limit: int, take: Callable[[int], None] | None) -> bytes:
    declared = request.headers.get("content-length", "")
    parts: list[bytes] = []
    size = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 16 else 0
    if size <= limit:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                break
            if take is not None:
                take(len(part))
            parts.append(part)
    if size > limit:
        raise EventError(
            "body.too-large", f"the body has more than {limit:,} bytes", hint="Send less at a time."
        )
    return b"".join(parts)


async def json_body(request: Request, shape: type[_T], limit: int = MAX_ACT_BYTES) -> _T:
    """The body as one JSON value of a shape. Raises EventError, which says what is wrong and where."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise EventError(
            "body.media-type",
            f"{kind[:60] or 'no media type'} is not read here",
            hint="Send JSON, and say so: `Content-Type: application/json`.",
        )
    body = await bounded(request, limit)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        raise EventError("body.unreadable", f"the body cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise EventError("body.unreadable", "the body is not UTF-8") from None
