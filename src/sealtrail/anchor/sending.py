"""One request to an address, with the standard library alone. What it answers is hostile input.

Redirects are not followed and proxies of the environment are not asked: what is sent goes to the host that
was named and nowhere else. The whole takes bounded time and memory.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple

from sealtrail.anchor.places import Address
from sealtrail.errors import UsageError
from sealtrail.web.cells import safe

SECONDS: Final = 15.0  # from the connection to the last byte of the answer
MAX_BYTES: Final = 65_536  # of an answer: a note, a timestamp with its certificates
MAX_TOLD: Final = 200  # characters of a message by the other side


class Answer(NamedTuple):
    """Whole. `type` is its media type, in lower case."""

    status: int
    type: str
    body: bytes


def send(
    where: Address,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = SECONDS,
) -> Answer:
    """The answer, whatever its status. UsageError (remote.unreachable) where none came whole in time."""
    sent = {"User-Agent": "sealtrail", **(headers or {})}
    if where.credentials:
        sent["Authorization"] = f"Basic {b64encode(where.credentials.encode()).decode()}"
    line: HTTPConnection
    if where.tls:
        line = HTTPSConnection(where.host, where.port, timeout=seconds, context=ssl.create_default_context())
    else:
        line = HTTPConnection(where.host, where.port, timeout=seconds)
    late, used = threading.Event(), list[socket.socket]()

    def end() -> None:
        # Each byte of a slow answer is in time by itself: only this bounds all of it.
        late.set()
        for one in used:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        line.connect()
        used.append(line.sock)  # the library forgets it where the answer is to be the last one
        if late.is_set():  # while it was connected to: the timer found nothing to end
            raise TimeoutError
        line.request(method, target, body, sent)
        with line.getresponse() as answer:
            data = answer.read(MAX_BYTES + 1)
            media = answer.headers.get_content_type() if answer.headers.get("Content-Type") else ""
            why = f"the answer is larger than {MAX_BYTES:,} bytes" if len(data) > MAX_BYTES else ""
            if answer.length and not why:
                why = "the answer is cut short"  # asked for a number of bytes, the library does not say
            if not why and not late.is_set():
                return Answer(answer.status, media.lower(), data)
    except (OSError, HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        timer.cancel()
        line.close()
    if late.is_set():
        why = f"no whole answer within {seconds:g} s"
    raise UsageError("remote.unreachable", f"{where.name} cannot be asked: {safe(why, MAX_TOLD)}")
