"""Blocks: what is refused now, and the operator's hand on it.

GET carries an ETag. With it in If-None-Match and `wait`, the answer comes when something has changed, or 304
when the wait is over: who enforces blocks elsewhere need not ask every second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import HEADERS, json_answer
from sealtrail.web.bodies import json_body
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, number, text
from sealtrail.web.protocols import Block, Blocker
from sealtrail.web.routes import Route

MAX_WAIT_SECONDS: Final = 60  # of one long poll: proxies cut what is quiet for longer
LOOK_SECONDS: Final = 0.5  # between two looks for all who wait: expiry is a change as well


class BlockAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /api/v1/blocks. `for` is a length of time such as 2h."""

    address: str
    reason: str
    for_: str = msgspec.field(name="for", default="1h")


class Blocks(msgspec.Struct, frozen=True):
    """What is refused now, the oldest first."""

    blocks: list[Block]


class Ended(msgspec.Struct, frozen=True):
    """Whether there was a block to end."""

    ended: bool


class Blocking:
    """Handlers over the desk. `stopping` says that the server ends: who waits is answered."""

    def __init__(self, blocker: Blocker, stopping: Callable[[], bool]) -> None:
        self._blocker = blocker
        self._stopping = stopping
        self._looked = float("-inf")
        self._said: dict[bool, tuple[bytes, str]] = {}  # by whether the caller may read: body and tag

    def routes(self) -> list[Route]:
        address = Parameter("address", "IPv4 or IPv6 address, or an IPv6 /64.", where="path")
        return [
            Route(
                "GET",
                "/api/v1/blocks",
                "enforce",
                self.listed,
                about="What is refused now, and for who may read why. ETag, long poll with If-None-Match.",
                shape=Blocks,
                parameters=(
                    Parameter(
                        "wait",
                        "Seconds to wait for a change since If-None-Match.",
                        0,
                        most=MAX_WAIT_SECONDS,
                    ),
                ),
            ),
            Route(
                "POST",
                "/api/v1/blocks",
                "respond",
                self.block,
                about="Refuse an address in every application whose spool is followed.",
                takes=BlockAsked,
                shape=Block,
            ),
            Route(
                "DELETE",
                "/api/v1/blocks/{address:path}",
                "respond",
                self.unblock,
                about="End a block now.",
                shape=Ended,
                parameters=(address, Parameter("reason", "Recorded with the act.")),
            ),
        ]

    async def listed(self, request: Request, caller: Caller) -> Response:
        whole = caller.may("read")
        known = request.headers.get("if-none-match", "")
        end = time.monotonic() + number(request, "wait")
        body, tag = await self._now(whole=whole)
        while tag == known and time.monotonic() < end and not self._stopping():
            if await request.is_disconnected():
                break
            await asyncio.sleep(LOOK_SECONDS)
            body, tag = await self._now(whole=whole)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag == known:
            return Response(status_code=304, headers={**HEADERS, **headers})
        return json_answer(msgspec.Raw(body), 200, headers)

    async def block(self, request: Request, caller: Caller) -> Response:
        asked = await json_body(request, BlockAsked)
        made = await run_in_threadpool(
            lambda: self._blocker.block(asked.address, asked.for_, reason=asked.reason, by=caller.signature)
        )
        self._looked = float("-inf")
        return json_answer(made, 201)

    async def unblock(self, request: Request, caller: Caller) -> Response:
        address, reason = request.path_params["address"], text(request, "reason")
        ended = await run_in_threadpool(
            lambda: self._blocker.unblock(address, reason=reason, by=caller.signature)
        )
        self._looked = float("-inf")
        return json_answer(Ended(ended))

    async def _now(self, *, whole: bool) -> tuple[bytes, str]:
        """The list and its tag, at most half a second old, however many ask.

        Who enforces it is told whom to refuse and until when; what is behind a block is for who may read.
        """
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            blocks = await run_in_threadpool(self._blocker.blocks)
            bare = [Block(b.address, b.since, b.until, b.id, "", "", "", b.simulated) for b in blocks]
            for may_read, told in ((True, blocks), (False, bare)):
                body = msgspec.json.encode(Blocks(told))
                self._said[may_read] = body, f'"{sha256(body).hexdigest()[:32]}"'
            self._looked = time.monotonic()
        return self._said[whole]
