"""The HTTP door for events: a batch in, a receipt out.

The handler does no work of its own: it reads a bounded body and waits for the writer. Who may come in was
decided by the route table before.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils import uuid4

from sealtrail.collect.intake import Intake, read_body
from sealtrail.collect.pipeline import Pipeline
from sealtrail.collect.seen import ONCE_PREFIX
from sealtrail.errors import EventError
from sealtrail.event import Range, Receipt, Rejection
from sealtrail.settings import IntakeSettings
from sealtrail.spool.rejects import Rejects
from sealtrail.web.answers import json_answer
from sealtrail.web.bodies import Room, bounded
from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

BODIES_AT_ONCE: Final = 4  # parsed at a time; more only wait for the interpreter, and hold memory meanwhile


class Taken(msgspec.Struct, frozen=True):
    """What became of a batch. `receipts` say where in each trail the accepted events stand, on disk."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: list[Rejection]
    receipts: tuple[Range, ...]


class Door:
    """Intake over one pipeline. `routes()` is its part of the table."""

    def __init__(self, pipeline: Pipeline, rejects: Rejects, settings: IntakeSettings) -> None:
        self._pipeline = pipeline
        self._rejects = rejects
        self._settings = settings
        self._room = Room(settings.request_bytes)
        # Unpacked and parsed, a body is many times what was sent: few at a time, which a processor is the
        # limit of anyway.
        self._threads = Threads(BODIES_AT_ONCE)

    def routes(self) -> list[Route]:
        about = "Takes events; answers when they are on disk."
        takes = ("application/x-ndjson", "application/json")
        return [Route("POST", "/api/v1/events", "send", self.events, about=about, takes=takes, shape=Taken)]

    async def events(self, request: Request, caller: Caller) -> Response:
        """POST /api/v1/events: answered when what was accepted is on disk."""
        with self._room.share() as take:
            body = await bounded(request, self._settings.body_bytes, take)
            intake = await self._threads.run(lambda: self._read(request, body, caller))
            receipt = Receipt(0, 0, 0, ())
            if intake.accepted:
                receipt = await asyncio.wrap_future(self._pipeline.submit(caller.source, intake.lines()))
        status = 422 if intake.rejected and not intake.accepted else 200
        return json_answer(
            Taken(receipt.accepted, receipt.duplicates, receipt.conflicts, intake.rejected, receipt.receipts),
            status,
        )

    def _read(self, request: Request, body: bytes, caller: Caller) -> Intake:
        """Check every line, and put what is refused into quarantine before the producer is told of it."""
        intake = read_body(
            body,
            content_type=request.headers.get("content-type", ""),
            content_encoding=request.headers.get("content-encoding", ""),
            limit=self._settings.body_bytes,
            emitter=f"{ONCE_PREFIX}{uuid4().hex}",
            reserved=caller.may("send-reserved"),
        )
        for rejection, raw in zip(intake.rejected, intake.refused, strict=True):
            error = EventError(rejection.code, rejection.error, path=rejection.path)
            self._rejects.add(caller.source, f"line {rejection.line}", raw, error)
        if intake.rejected:
            self._rejects.sync()
        return intake
