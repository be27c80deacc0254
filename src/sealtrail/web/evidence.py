"""Evidence: one entry as it was sealed, its proof, and how far each trail is signed."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.errors import NotFoundError, QueryError
from sealtrail.event import Fields
from sealtrail.web.answers import HEADERS, json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, number
from sealtrail.web.protocols import Evidence, Head
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

TRAIL: Final = Parameter("trail", "Name of a trail, such as audit.", where="path")
INDEX: Final = Parameter("index", "Place of the entry in its trail, from 0.", 0, where="path", most=2**53)

FROM: Final = Parameter("from", "Entries of the checkpoint that was kept.", 0, most=2**53)
TO: Final = Parameter(
    "to", "Entries of the checkpoint that the proof leads to; 0: the latest.", 0, most=2**53
)


class EntryTold(msgspec.Struct, frozen=True):
    """One entry. `entry` is the text whose UTF-8 bytes are hashed, `leaf` its hash in the tree, base64."""

    address: str
    event: Fields
    entry: str
    leaf: str


class Integrity(msgspec.Struct, frozen=True):
    """How far each trail is signed."""

    trails: list[Head]


class Proving:
    """Handlers over the ledger."""

    def __init__(self, evidence: Evidence, threads: Threads) -> None:
        self._evidence = evidence
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/events/{trail}/{index}",
                "read",
                self.entry,
                about="One entry: its fields, and the exact text that is hashed.",
                shape=EntryTold,
                parameters=(TRAIL, INDEX),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/proof/{trail}/{index}",
                "prove",
                self.proof,
                about="A proof that an entry is in its trail: C2SP tlog-proof, checked offline.",
                parameters=(TRAIL, INDEX),
                gives="text/plain",
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/consistency/{trail}",
                "prove",
                self.consistency,
                about="A proof that a trail begins with what was kept of it: the body that C2SP tlog-witness "
                "takes at add-checkpoint, checked offline.",
                parameters=(TRAIL, FROM, TO),
                gives="text/plain",
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/integrity",
                "read",
                self.integrity,
                about="Each trail: entries, how many are signed, the last checkpoint, the key, its anchors.",
                shape=Integrity,
            ),
        ]

    async def entry(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        trail, index = place(request)
        found = await self._threads.run(lambda: self._evidence.entry(trail, index))
        return json_answer(
            EntryTold(
                f"{trail}/{index}",
                found.fields,
                # Canonical JSON is UTF-8; what somebody changed on disk may not be.
                found.data.decode(errors="replace"),
                b64encode(found.leaf).decode(),
            )
        )

    async def proof(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        trail, index = place(request)
        proof = await self._threads.run(lambda: self._evidence.proof(trail, index))
        name = f"{trail}-{index}.tlog-proof"
        return Response(
            proof,
            headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
            media_type="text/plain",
        )

    async def consistency(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        if "from" not in request.query_params:
            raise QueryError("query.parameter", "from is missing: of which size was a checkpoint kept?")
        trail, old, new = request.path_params["trail"], number(request, "from"), number(request, "to")
        proof = await self._threads.run(lambda: self._evidence.consistency(trail, old, new or None))
        return Response(proof, headers=HEADERS, media_type="text/plain")

    async def integrity(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        return json_answer(Integrity(await self._threads.run(self._evidence.heads)))


def place(request: Request) -> tuple[str, int]:
    """(trail, index) of a path. Raises NotFoundError."""
    trail, index = request.path_params["trail"], request.path_params["index"]
    if not (index.isascii() and index.isdigit() and len(index) < 17):
        raise NotFoundError(
            "not-found.entry", f"{index[:60]!r} is not a place in a trail", hint="An address is TRAIL/INDEX."
        )
    return trail, int(index)
