"""Trails as C2SP tlog-tiles logs: monitors and mirrors by other people walk them with their own tools.

A tile never changes, so it may be kept for ever, though by nobody in between: it is for who has a key.
"""

from __future__ import annotations

import gzip
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import HEADERS
from sealtrail.web.caller import Caller
from sealtrail.web.evidence import TRAIL
from sealtrail.web.parameters import Parameter
from sealtrail.web.protocols import Tiles
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

FOREVER: Final = "private, max-age=31536000, immutable"

_NEVER: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*", re.ASCII)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not to refuse it."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() == "gzip":
            return _NEVER.fullmatch(weight) is None
    return False


NUMBER: Final = Parameter(
    "number", "Number of the tile, such as x001/234; .p/W behind it where partial.", where="path"
)


class Tiling:
    """Handlers over the ledger."""

    def __init__(self, tiles: Tiles, threads: Threads) -> None:
        self._tiles = tiles
        self._threads = threads

    def routes(self) -> list[Route]:
        level = Parameter("level", "Level of the tile: 0 holds the hashes of entries.", where="path")
        return [
            Route(
                "GET",
                "/trails/{trail}/checkpoint",
                "witness",
                self.checkpoint,
                about="The latest signed statement of a trail: C2SP checkpoint.",
                parameters=(TRAIL,),
                gives="text/plain",
            ),
            Route(
                "GET",
                "/trails/{trail}/vkey",
                "witness",
                self.key,
                about="The public key that a trail's checkpoints are signed with: C2SP vkey.",
                parameters=(TRAIL,),
                gives="text/plain",
            ),
            Route(
                "GET",
                "/trails/{trail}/handovers",
                "witness",
                self.handovers,
                about="How a trail went from key to key: proofs of the statements, if there are any.",
                parameters=(TRAIL,),
                gives="text/plain",
            ),
            Route(
                "GET",
                "/trails/{trail}/tile/entries/{number:path}",
                "read",
                self.entries,
                about="256 entries, or fewer where partial: C2SP entry bundle.",
                parameters=(TRAIL, NUMBER),
                gives="application/octet-stream",
                reads=True,
            ),
            Route(
                "GET",
                "/trails/{trail}/tile/{level}/{number:path}",
                "witness",
                self.hashes,
                about="256 hashes, or fewer where partial: C2SP tile.",
                parameters=(TRAIL, level, NUMBER),
                gives="application/octet-stream",
            ),
        ]

    async def checkpoint(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        trail = request.path_params["trail"]
        note = await self._threads.run(lambda: self._tiles.checkpoint(trail))
        return Response(note, headers=dict(HEADERS), media_type="text/plain")

    async def key(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        trail = request.path_params["trail"]
        key = await self._threads.run(lambda: self._tiles.key(trail))
        return Response(f"{key}\n", headers=dict(HEADERS), media_type="text/plain")

    async def handovers(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        trail = request.path_params["trail"]
        data = await self._threads.run(lambda: self._tiles.handovers(trail))
        return Response(data, headers=dict(HEADERS), media_type="text/plain")

    async def entries(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        # A bundle is text, and made of one shape: packed it is a tenth. Hashes are not made smaller by it.
        path = f"tile/entries/{request.path_params['number']}"
        packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
        headers = {"Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if packed else {})}
        return await self._tile(request, path, headers, packed=packed)

    async def hashes(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        given = request.path_params
        return await self._tile(request, f"tile/{given['level']}/{given['number']}", {}, packed=False)

    async def _tile(self, request: Request, path: str, headers: dict[str, str], *, packed: bool) -> Response:
        trail = request.path_params["trail"]

        def read() -> bytes:
            data = self._tiles.tile(trail, path)
            return gzip.compress(data, 6, mtime=0) if packed else data

        data = await self._threads.run(read)
        headers = {**HEADERS, "Cache-Control": FOREVER, **headers}
        return Response(data, headers=headers, media_type="application/octet-stream")
