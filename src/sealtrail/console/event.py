"""One event: every field, the exact bytes that are hashed, what proves them, and what is around it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.frame import HEADERS, Frame
from sealtrail.console.refine import term
from sealtrail.store.query.times import MINUTE, from_stamp, stamp
from sealtrail.web.caller import Caller
from sealtrail.web.evidence import place
from sealtrail.web.protocols import Evidence
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

AROUND: Final = 5 * MINUTE  # before and after: what somebody did just before, and what came of it

RELATED: Final = (
    ("The same request", "http.request.id"),
    ("The same trace", "trace.id"),
    ("The same session", "sealtrail.session.hash"),
    ("The same user", "user.id"),
    ("The same client", "client.ip"),
    ("The same object", "sealtrail.object.id"),
)
"""What one asks next: a title, and the field that both have."""


class Field(msgspec.Struct, frozen=True):
    """One field as it is shown. `plain`: it can be clicked to ask for it."""

    name: str
    shown: str
    value: Any
    plain: bool


class EventPage:
    """Handlers over the evidence."""

    def __init__(self, frame: Frame, evidence: Evidence, threads: Threads) -> None:
        self._frame = frame
        self._evidence = evidence
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/events/{trail}/{index}", "read", self.page, reads=True),
            Route("GET", "/events/{trail}/{index}/entry", "read", self.entry, reads=True),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /events/{trail}/{index}."""
        trail, index = place(request)

        def found() -> dict[str, Any]:
            entry = self._evidence.entry(trail, index)
            return {
                "trail": trail,
                "index": index,
                "event": entry.fields,
                "fields": [_field(name, value) for name, value in sorted(entry.fields.items())],
                "raw": entry.data.decode(errors="replace"),
                "leaf": b64encode(entry.leaf).decode(),
                "vouched": self._evidence.vouch(trail, index),
                "related": _related(entry.fields),
                "around": _around(entry.fields),
            }

        return self._frame.show(request, caller, "event.html", **await self._threads.run(found))

    async def entry(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        """GET /events/{trail}/{index}/entry: the exact bytes, to be kept, never to be shown."""
        trail, index = place(request)
        data = (await self._threads.run(lambda: self._evidence.entry(trail, index))).data
        kept = {**HEADERS, "Content-Disposition": f'attachment; filename="{trail}-{index}.json"'}
        return Response(data, headers=kept, media_type="application/octet-stream")


def _field(name: str, value: Any) -> Field:
    plain = isinstance(value, str | int | float | bool) and len(str(value)) <= 1000
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return Field(name, text, value, plain)


def _related(fields: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (title, term(name, fields[name]))
        for title, name in RELATED
        if isinstance(fields.get(name), str) and 0 < len(fields[name]) <= 1000
    ]


def _around(fields: dict[str, Any]) -> dict[str, str]:
    """The minutes around it; empty where its time cannot be read."""
    at = from_stamp(str(fields.get("@timestamp", "")))
    return {} if at is None else {"since": stamp(at - AROUND), "until": stamp(at + AROUND)}
