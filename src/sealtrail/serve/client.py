"""A client of a collector elsewhere, with the standard library alone. What it is told is hostile input.

The key goes to the one host that was named and nowhere else: redirects are not followed, proxies of the
environment are not asked, and over plain http it is sent to this machine only, unless somebody insists. No
error shows it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlencode

import msgspec

from sealtrail.errors import (
    CODES,
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
from sealtrail.web.cells import safe
from sealtrail.web.remote import Remote, remote

ANSWER_SECONDS: Final = 60.0  # for a connection, and between two pieces of an answer
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024  # a page of a search is 32 MiB of events, and JSON again
MAX_LINE_BYTES: Final = 4 * 1024 * 1024  # of a stream: one entry, every byte of it escaped
MAX_TOLD: Final = 500  # characters of a message by the other side

_KINDS: Final[dict[str, type[SealtrailError]]] = {
    "access": AccessError,
    "body": EventError,
    "busy": BusyError,
    "event": EventError,
    "ledger": LedgerError,
    "not-found": NotFoundError,
}


class Message(msgspec.Struct, frozen=True):
    """One server-sent event: its kind (`message` where none is named), the last id, its data."""

    kind: str
    place: str
    data: bytes


class Client:
    """One collector and one key. Every call is a connection of its own. Raises what the collector raised.

    `first` is called before the first question.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        insecure: bool = False,
        first: Callable[[Remote], None] = lambda _: None,
    ) -> None:
        where = remote(url, key, insecure=insecure)
        self._first: Callable[[], None] | None = lambda: first(where)
        self._host, self._port, self._tls = where.host, where.port, where.tls
        self._base, self.name = where.base, where.name
        self._key = key

    # --- questions

    def get(self, *path: str, **parameters: str | int) -> Any:
        """The JSON of an answer. Parts of the path are quoted."""
        return self._json("GET", path, parameters)

    def text(self, *path: str) -> str:
        """The text of an answer."""
        with self._asked("GET", path, {}) as answer:
            return _whole(answer).decode(errors="replace")

    def data(self, *path: str, patience: float = ANSWER_SECONDS, **parameters: str | int) -> bytes:
        """The bytes of an answer, which may take `patience` seconds to begin."""
        with self._asked("GET", path, parameters, patience=patience) as answer:
            return _whole(answer)

    def send(self, method: str, *path: str, body: Any = None, **parameters: str | int) -> Any:
        """The JSON of the answer to an act."""
        return self._json(method, path, parameters, body)

    def lines(self, *path: str, **parameters: str | int) -> Iterator[bytes]:
        """The lines of a stream, without their ends. UsageError where it breaks off."""
        with self._asked("GET", path, parameters) as answer:
            while line := self._line(answer):
                if not line.endswith(b"\n"):
                    self._broken("the answer ends in the middle of a line")
                yield line[:-1]

    def messages(self, *path: str, after: str = "", **parameters: str | int) -> Iterator[Message]:
        """Server-sent events, until the stream ends or breaks. `after`: the id of the last one that came."""
        headers = {"Accept": "text/event-stream"}
        if after:
            headers["Last-Event-ID"] = after
        with self._asked("GET", path, parameters, headers=headers) as answer:
            kind, place, data = "message", after, list[bytes]()
            while line := self._line(answer):
                name, _, value = line.rstrip(b"\r\n").partition(b":")
                value = value.removeprefix(b" ")
                if not name and not value:
                    # Also where there is no data: a sign of life says where to go on from.
                    yield Message(kind if data else "", place, b"\n".join(data))
                    kind, data = "message", []
                elif name == b"event":
                    kind = value.decode(errors="replace")
                elif name == b"id":
                    place = value.decode(errors="replace")
                elif name == b"data":
                    data.append(value)

    # --- within

    def _json(
        self, method: str, path: tuple[str, ...], parameters: dict[str, str | int], body: Any = None
    ) -> Any:
        with self._asked(method, path, parameters, body) as answer:
            data = _whole(answer)
        try:
            return msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._foreign(answer.status)

    @contextmanager
    def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        parameters: dict[str, str | int],
        body: Any = None,
        headers: dict[str, str] | None = None,
        patience: float = ANSWER_SECONDS,
    ) -> Iterator[HTTPResponse]:
        """An answer that is no refusal. What breaks while it is read is told as well."""
        if self._first is not None:
            first, self._first = self._first, None
            first()
        given = {name: value for name, value in parameters.items() if value != ""}
        target = "/".join((self._base, *(quote(part, safe="") for part in path)))
        target += f"?{urlencode(given)}" if given else ""
        sent = {"Accept": "application/json", "User-Agent": "sealtrail", **(headers or {})}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        line = self._line_to(patience)
        try:
            line.request(method, target, None if body is None else msgspec.json.encode(body), sent)
            with line.getresponse() as answer:
                if not 200 <= answer.status < 300:
                    self._refused(answer)
                yield answer
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UsageError(
                "remote.unreachable",
                f"{self.name} cannot be asked: {safe(reason, MAX_TOLD)}",
                hint="Is the collector running there, and is --url its address?",
            ) from None
        finally:
            line.close()

    def _line_to(self, patience: float) -> HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=patience, context=context)
        return HTTPConnection(self._host, self._port, timeout=patience)

    def _line(self, answer: HTTPResponse) -> bytes:
        line = answer.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            self._broken("a line of the answer has no end")
        return line

    def _refused(self, answer: HTTPResponse) -> NoReturn:
        """Raise what the collector raised; an answer that no collector gives is told as that."""
        try:
            said = msgspec.json.decode(answer.read(MAX_LINE_BYTES))["error"]
            code, what, hint = (safe(said.get(name, ""), MAX_TOLD) for name in ("code", "message", "hint"))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
            self._foreign(answer.status)
        if code == "access.missing":
            hint = "Give one with --key or SEALTRAIL_KEY; `sealtrail key new` makes one."
        if code == "ledger.tampered":
            raise TamperedError(what, hint=hint)
        if code.startswith("query.") and code in CODES:
            query, column = said.get("query", ""), said.get("column", 0)
            whole = isinstance(column, int) and 0 <= column <= MAX_TOLD
            raise QueryError(
                code, what, query=safe(query, MAX_TOLD), column=column if whole else 0, hint=hint
            )
        if code in CODES:
            raise _KINDS.get(code.partition(".")[0], UsageError)(code, what, hint=hint)
        raise UsageError("remote.answer", f"{self.name} says: {what} ({code})", hint=hint)

    def _foreign(self, status: int) -> NoReturn:
        raise UsageError(
            "remote.answer",
            f"{self.name} answered {status} with something that is not of Sealtrail",
            hint="Is --url the address of the collector, and nothing in between?",
        )

    def _broken(self, why: str) -> NoReturn:
        raise UsageError("remote.answer", f"{self.name}: {why}", hint="What came before it is whole.")


def _whole(answer: HTTPResponse) -> bytes:
    data = answer.read(MAX_ANSWER_BYTES + 1)
    if answer.length and len(data) <= MAX_ANSWER_BYTES:
        raise IncompleteRead(data, answer.length)  # asked for a number of bytes, the library does not say
    if len(data) > MAX_ANSWER_BYTES:
        raise UsageError("remote.answer", "the answer is larger than any that a collector gives")
    return data
