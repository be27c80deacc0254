"""Bodies of requests: bounded whatever is declared, and where a route takes JSON, of one known shape."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from sealtrail.errors import EventError

_T = TypeVar("_T")

MAX_ACT_BYTES: Final = 16 * 1024  # of a body that asks for one act: an address and a reason


async def bounded(request: Request, limit: int) -> bytes:
    """The body as sent, refused as soon as it is known to be too large. Raises EventError."""
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
