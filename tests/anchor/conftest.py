"""A trail that grows and is signed, as its anchors see it, and a receiver that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sealtrail.anchor.ours import Ours
from sealtrail.ledger.handover import Keychain
from sealtrail.ledger.log import Log
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import open_key


class Trail:
    """One trail in a data folder. `rewrite` is what whoever holds the folder and the key can do."""

    def __init__(self, data: Path, name: str = "audit") -> None:
        self.data = data
        data.mkdir()
        self.name = name
        self._open("first")

    def _open(self, word: str) -> None:
        self._word = word
        key = open_key(self.data / "keys", self.name, origin="acme.example/api")
        self.folder = self.data / "trails" / self.name
        self.log = Log.open(self.folder, self.name, key)
        self.reader = LedgerReader(self.data)
        self.ours = Ours(
            self.name,
            self.folder,
            key.key.name,
            lambda: Keychain.of([key.key]),
            self.log.checkpoint,
            lambda n: self.reader.root(self.name, n),
        )

    def grow(self, entries: int = 1) -> bytes:
        """Append and sign; the note."""
        self.log.append([b'{"%s":%d}' % (self._word.encode(), self.log.size + n) for n in range(entries)])
        self.log.sync()
        return self.log.publish()

    def rewrite(self, entries: int) -> None:
        """Another past under the same name and key, with so many entries."""
        self.close()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
        self._open("second")
        self.grow(entries)

    @property
    def history(self) -> bytes:
        return (self.folder / "checkpoints").read_bytes()

    def close(self) -> None:
        self.log.close()
        self.reader.close()


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    made = Trail(tmp_path / "data")
    yield made
    made.close()


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; `answer` gives status, body and headers for (method, path, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[str, str, bytes], tuple[int, bytes, dict[str, str]]] = lambda *_: (
            201,
            b"",
            {},
        )
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is what some of these sentences are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append((self.command, self.path, dict(self.headers), body))
        status, data, headers = self.server.answer(self.command, self.path, body)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _any  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()
