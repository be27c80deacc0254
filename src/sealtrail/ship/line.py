"""One connection to a collector that is kept open from request to request. What it answers is hostile input.

Redirects are not followed and proxies of the environment are not asked: the key goes to the host that was
named and nowhere else.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Final, NamedTuple

from sealtrail.errors import UsageError
from sealtrail.web.cells import safe
from sealtrail.web.remote import Remote

ANSWER_SECONDS: Final = 60.0  # for a connection, and between two pieces of an answer
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024  # a block list, or a reason for each line of a batch
MAX_TOLD: Final = 300  # characters of a message by the other side


class Answer(NamedTuple):
    """Whole. Names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """Used by one thread; `abort` may be called by any."""

    def __init__(self, remote: Remote, key: str, *, patience: float = ANSWER_SECONDS) -> None:
        self.remote = remote
        self._key = key
        self._patience = patience
        self._lock = threading.Lock()
        self._open: HTTPConnection | None = None
        self._aborted = False

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer, whatever its status. Raises UsageError (remote.unreachable) where none came whole."""
        sent = {"Accept": "application/json", "User-Agent": "sealtrail-ship", **(headers or {})}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        target = self.remote.base + path
        kept = self._open is not None
        try:
            try:
                return self._ask(method, target, body, sent)
            except (ConnectionError, HTTPException):
                # A server closes what was quiet for a while, and that is seen when it is next used. What is
                # sent twice is known by its identity.
                if not kept or self._aborted:
                    raise
                return self._ask(method, target, body, sent)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UsageError(
                "remote.unreachable",
                f"{self.remote.name} cannot be asked: {safe(reason, MAX_TOLD)}",
                hint="Is the collector running there, and is --url its address?",
            ) from None

    def _ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        whole = False
        try:
            if connection.sock is None:
                connection.connect()
                if self._aborted:  # meanwhile, and there was nothing to shut down
                    raise ConnectionAbortedError("it was given up")
            try:
                connection.request(method, target, body, dict(headers))
            except ConnectionError:
                # Who refuses a body may say so before it is sent, and close: the refusal is what counts.
                if connection.sock is None:
                    raise
            with connection.getresponse() as answer:
                data = _whole(answer)
                told = {name.lower(): value for name, value in answer.getheaders()}
                whole = not answer.will_close
                return Answer(answer.status, told, data)
        finally:
            if not whole:
                self.close()

    def _connection(self) -> HTTPConnection:
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError("it was given up")
            if self._open is None:
                where = self.remote
                if where.tls:
                    context = ssl.create_default_context()
                    self._open = HTTPSConnection(
                        where.host, where.port, timeout=self._patience, context=context
                    )
                else:
                    self._open = HTTPConnection(where.host, where.port, timeout=self._patience)
            return self._open

    def close(self) -> None:
        with self._lock:
            connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """Give up what is under way, and everything after it."""
        with self._lock:
            self._aborted = True
            connection = self._open
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _whole(answer: HTTPResponse) -> bytes:
    data = answer.read(MAX_ANSWER_BYTES + 1)
    if len(data) > MAX_ANSWER_BYTES:
        raise HTTPException("the answer is larger than any that a collector gives")
    if answer.length:
        raise IncompleteRead(data, answer.length)  # asked for a number of bytes, the library does not say
    return data
