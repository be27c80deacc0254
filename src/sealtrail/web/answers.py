"""How answers look: JSON that nobody keeps, sniffs or frames; refusals with a code and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from starlette.responses import Response

from sealtrail.errors import (
    AccessError,
    BusyError,
    EventError,
    LedgerError,
    NotFoundError,
    QueryError,
    SealtrailError,
    TamperedError,
    UsageError,
)

# Nothing of an answer may be kept by a proxy, sniffed into another type or framed.
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
)

BODY_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {"body.too-large": 413, "body.media-type": 415, "body.unreadable": 422, "body.too-slow": 408}
)

# Too much is asked for: of the others, such as a full disk, nobody who asks is the cause.
_TOO_MANY: Final = frozenset({"busy.attempts", "busy.query", "busy.queue", "busy.readers"})

_FALLBACKS: Final[Mapping[int, str]] = MappingProxyType(
    {
        404: "there is nothing at this path",
        405: "this path does not take this method",
        500: "the collector failed; its log says how",
    }
)


class Told(msgspec.Struct, frozen=True):
    """A refusal as it is told: HTTP status, stable code, what and why, what to do next, headers beside it."""

    status: int
    code: str
    message: str
    hint: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    query: str = ""  # of a query that cannot be read, and the column (from 0) at fault
    column: int = 0
    pruned: Mapping[str, Any] = MappingProxyType({})  # of what retention removed: what was recorded of that

    @classmethod
    def of(cls, error: SealtrailError) -> Told:
        """What a designed error is over HTTP.

        What is wrong with the house itself, such as a file of it, names places on its disk: those are for its
        log. The code is told all the same.
        """
        headers: dict[str, str] = {}
        match error:
            case AccessError():
                status = 401 if error.code == "access.missing" else 403
                headers["WWW-Authenticate"] = "Bearer"
            case BusyError():
                status = 429 if error.code in _TOO_MANY else 503
                headers["Retry-After"] = str(max(1, round(error.retry_after)))
            case EventError():
                status = BODY_STATUS.get(error.code, 422)
            case QueryError():
                status = 400
            case UsageError():
                status = 400 if error.code in {"usage.argument", "usage.password"} else 500
            case NotFoundError():
                status = 410 if error.is_pruned else 404
            case LedgerError():
                status = 503
                headers["Retry-After"] = "30"
            case _:
                status = 500
        if status == 500 or (isinstance(error, LedgerError) and not isinstance(error, TamperedError)):
            return cls(status, error.code, _FALLBACKS[500], "", headers)
        told = cls(status, error.code, error.what, error.hint, headers)
        if isinstance(error, QueryError):
            told = msgspec.structs.replace(told, query=error.query, column=error.column)
        if isinstance(error, NotFoundError):
            told = msgspec.structs.replace(told, pruned=error.prune)
        return told

    @classmethod
    def plain(cls, status: int) -> Told:
        """What is told where no designed error says more: path, method, a fault of ours."""
        return cls(status, f"http.{status}", _FALLBACKS[status])

    def answer(self) -> Response:
        """As JSON: `{"error": {"code", "message", "hint"}}`.

        For a query also `query` and `column`, for what was pruned `pruned` where that is known.
        """
        said: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.query:
            said |= {"query": self.query, "column": self.column}
        if self.pruned:
            said["pruned"] = dict(self.pruned)
        return json_answer({"error": said}, self.status, self.headers)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Any value msgspec can encode, as JSON. `headers` win over the ones every answer has."""
    return Response(
        msgspec.json.encode(value) + b"\n",
        status,
        {**HEADERS, **(headers or {})},
        media_type="application/json",
    )
