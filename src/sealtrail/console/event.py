"""One event: every field, the exact bytes that are hashed, what proves them, and what is around it."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.console.frame import HEADERS, Frame
from sealtrail.console.refine import term
from sealtrail.event.fields import ADDRESS_FIELDS, COLLECTOR_KEYS, ORDER
from sealtrail.store.query import parse
from sealtrail.store.query.times import MINUTE, from_stamp, micros, stamp
from sealtrail.web.caller import Caller
from sealtrail.web.evidence import place
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Evidence
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

AROUND: Final = 5 * MINUTE  # before and after: what somebody did just before, and what came of it

RAW: Final = 4000  # characters of the exact bytes that are shown; the whole is a click away
BEHIND: Final = 50  # events an alert names that are linked; its own page shows them with their reasons

_PLACE: Final = re.compile(r"[a-z0-9-]{1,64}/[0-9]{1,18}", re.ASCII)
_ALERT: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_LAST: Final = (*COLLECTOR_KEYS, *(field.name for field in ADDRESS_FIELDS))

RELATED: Final = (
    ("The same request", "http.request.id"),
    ("The same trace", "trace.id"),
    ("The same session", "sealtrail.session.hash"),
    ("The same user", "user.id"),
    ("The same client", "client.ip"),
    ("The same object", "sealtrail.object.id"),
    ("The same subject of a token", "sealtrail.token.subject_hash"),
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
        came = Parameter("q", "The query somebody came from: what is clicked makes it narrower.", "*")
        return [
            Route("GET", "/events/{trail}/{index}", "read", self.page, parameters=(came,), reads=True),
            Route("GET", "/events/{trail}/{index}/entry", "read", self.entry, reads=True),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /events/{trail}/{index}?q."""
        trail, index = place(request)
        query = str(parse(text(request, "q") or "*", micros(datetime.now(UTC))))

        def found() -> dict[str, Any]:
            entry = self._evidence.entry(trail, index)
            raw = entry.data.decode(errors="replace")
            return {
                "query": query,
                "trail": trail,
                "index": index,
                "event": entry.fields,
                "fields": [_field(name, value) for name, value in sorted(entry.fields.items(), key=_order)],
                "raw": raw[:RAW],
                "left": max(0, len(raw) - RAW),
                "leaf": b64encode(entry.leaf).decode(),
                "vouched": self._evidence.vouch(trail, index),
                "related": _related(entry.fields),
                "around": _around(entry.fields),
                "user": _user(entry.fields),
                "alert": _alert(entry.fields),
                "behind": _behind(entry.fields),
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


def _order(item: tuple[str, Any]) -> tuple[int, int, str]:
    """As in the vocabulary; what it does not know by name; last what the collector says."""
    name = item[0]
    if name in _LAST:
        return 2, _LAST.index(name), name
    return (0, ORDER[name], name) if name in ORDER else (1, 0, name)


def _user(fields: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the same user did before this and from then on; empty without user or time."""
    at, user = from_stamp(str(fields.get("@timestamp", ""))), fields.get("user.id")
    if at is None or not isinstance(user, str) or not 0 < len(user) <= 1000:
        return {}
    query = term("user.id", user)
    return {"before": {"q": query, "until": stamp(at)}, "after": {"q": query, "since": stamp(at)}}


def _alert(fields: dict[str, Any]) -> str:
    """Id of the alert that this event is, acts upon, or comes from; empty where there is none."""
    own = fields.get("event.id") if fields.get("sealtrail.kind") == "alert" else None
    found = own or fields.get("sealtrail.alert.id") or fields.get("sealtrail.block.cause")
    return found if isinstance(found, str) and _ALERT.fullmatch(found) else ""


def _behind(fields: dict[str, Any]) -> list[str]:
    """Places of the events that an alert names, as TRAIL/INDEX."""
    named = fields.get("sealtrail.alert.events")
    kept = (
        [one for one in named if isinstance(one, str) and _PLACE.fullmatch(one)]
        if isinstance(named, list)
        else []
    )
    return kept[-BEHIND:]


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
