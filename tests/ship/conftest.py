"""A spool as applications leave it, and a door that answers as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import canonical
from sealtrail.spool.disk import Spool

Serving = Callable[..., AbstractContextManager[Any]]
KEY = "st_0123456789_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_ABCDE"
PATIENCE = 20.0


def head(number: int, **more: object) -> bytes:
    line = canonical(
        {
            "@timestamp": "2026-11-24T08:00:00.000000Z",
            "event.id": f"id-{number}",
            "sealtrail.kind": "request",
            "event.action": "http.request",
            "sealtrail.schema": 1,
            "sealtrail.emitter": "e",
            "sealtrail.seq": number,
            **more,
        }
    )
    return line.split(b',"sealtrail.emitter"')[0]


class Door:
    """Answers the requests of all connections one after another with what `answers` holds, then closes."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            line.settimeout(PATIENCE)
            with line:
                while self.answers and self._one(line):
                    pass

    def _one(self, line: socket.socket) -> bool:
        asked = b""
        while b"\r\n\r\n" not in asked:
            part = line.recv(65_536)
            if not part:
                return False
            asked += part
        head, _, body = asked.partition(b"\r\n\r\n")
        size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < size:
            body += line.recv(65_536)
        self.asked.append(head + b"\r\n\r\n" + body)
        answer = self.answers.pop(0)
        line.sendall(answer)
        return b"Connection: close" not in answer and len(answer) > 0 and not answer.endswith(b"CUT")

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE)


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def door() -> Iterator[Callable[..., Door]]:
    made: list[Door] = []

    def opened(*answers: bytes) -> Door:
        made.append(Door(*answers))
        return made[-1]

    yield opened
    for one in made:
        one.end()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.05\n") as made:
        yield made


@pytest.fixture
def ship() -> Any:
    """What the tests share, by name."""
    import types

    return types.SimpleNamespace(head=head, answer=answer, until=until, KEY=KEY)


@pytest.fixture
def stored() -> Callable[[Any], list[bytes]]:
    """The lines producers sent that are in a server's ledger, without what the collector says itself."""
    from sealtrail.event.entry import unseal

    def lines(server: Any) -> list[bytes]:
        ledger = server.served.collector.ledger
        told = [unseal(entry) for trail in ("access", "audit") for entry in ledger.read(trail, 0, 100_000)]
        return [line for line, _, source in told if source != "collector"]

    return lines
