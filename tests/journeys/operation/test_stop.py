"""SIGTERM at any moment: what was acknowledged is there, who waits is answered, and it ends with 0."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.access import keys_of

LIMIT = 45.0  # seconds that a stop may take on a machine that does other things; usually it is one or two


def entries(data: Path) -> list[dict[str, object]]:
    reader = LedgerReader(data)
    return [read(e) for trail, size in reader.sizes().items() for e in reader.read(trail, 0, size)]


def check(data: Path, acknowledged: dict[str, int]) -> None:
    """Everything that was acknowledged is there once, signed, and the stop is on record."""
    found = entries(data)
    for emitter, count in acknowledged.items():
        seqs = [e["sealtrail.seq"] for e in found if e["sealtrail.emitter"] == emitter]
        assert sorted(seqs)[:count] == list(range(count))  # type: ignore[type-var]
        assert len(set(seqs)) == len(seqs)
    report = verify(data, workers=1)
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0]), report.lines()


def clean(log: str) -> bool:
    """The command says that it stopped, last, and nothing warns, breaks or leaks."""
    words = ("Traceback", "nanobind", "leaked", " ERROR ", " WARNING ", " CRITICAL ")
    bad = [word for word in words if word in log]
    return not bad and log.endswith("stopped: everything that was acknowledged is on disk and signed\n")


class Reader(threading.Thread):
    """Holds a request open and keeps what came, until the server ends it."""

    def __init__(self, port: int, path: str, key: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self.got = b""
        self.status = 0
        self._port, self._path = port, path
        self._headers = {"Authorization": f"Bearer {key}", **headers}
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            self.status = answer.status
            while data := answer.read1(65536):
                self.got += data
        connection.close()


def test_a_stop_under_load_loses_nothing_answers_who_waits_and_is_clean(
    serve, application, producer, until, tmp_path
):
    data, spool = tmp_path / "data", tmp_path / "spool"
    _, key = keys_of(data, create=True).new("ingest")
    _, admin = keys_of(data).new("admin")
    server = serve(data, "--spool", spool)
    recording = application(spool)
    producers = [producer(server, key, f"p{n}") for n in range(4)]
    until(lambda: all(p.acknowledged > 20 for p in producers), "load")
    _, tag = 0, ""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    connection.request("GET", "/api/v1/blocks", headers={"Authorization": f"Bearer {admin}"})
    answer = connection.getresponse()
    tag = answer.headers["ETag"]
    answer.read()
    tails = [Reader(server.port, "/api/v1/tail?q=*", admin) for _ in range(3)]
    poll = Reader(server.port, "/api/v1/blocks?wait=60", admin, **{"If-None-Match": tag})
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Le")  # somebody who never ends
    searches = [Reader(server.port, f"/api/v1/search?q=meter%20or%20{n}&limit=5000", admin) for n in range(8)]
    until(lambda: all(tail.got for tail in tails), "events on the tails")

    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LIMIT) == 0, server.log.read_text()
    assert time.monotonic() - begun < LIMIT
    acknowledged = {p.emitter: p.end() for p in producers}
    recording.end()
    for waiting in (*tails, poll, *searches):
        waiting.join(LIMIT)
        assert not waiting.is_alive()
    half.close()
    connection.close()
    assert all(b"event: end" in tail.got for tail in tails)
    assert poll.status == 304
    assert clean(server.log.read_text()), server.log.read_text()
    check(data, acknowledged)
    assert "sealtrail.stopped" in {e["event.action"] for e in entries(data)}


def test_who_reads_or_sends_too_slowly_does_not_keep_it_from_ending(serve, producer, until, tmp_path):
    data = tmp_path / "data"
    _, key = keys_of(data, create=True).new("ingest")
    _, admin = keys_of(data).new("admin")
    server = serve(data)
    sending = producer(server, key, "p0", batch=500)
    until(lambda: sending.acknowledged > 20_000, "an export that fills every buffer")
    acknowledged = {"p0": sending.end()}
    head = f"Host: x\r\nAuthorization: Bearer {admin}\r\n"
    slow = []
    for request in (
        f"GET /api/v1/export?form=raw HTTP/1.1\r\n{head}\r\n",
        f"GET /api/v1/tail?q=*&n=1000 HTTP/1.1\r\n{head}\r\n",
        f"POST /api/v1/events HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n" + "{",
    ):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(request.encode())
        slow.append(connection)
    assert slow[0].recv(15) == b"HTTP/1.1 200 OK"  # it has begun, and nobody reads on
    begun = time.monotonic()
    assert server.end() == 0, server.log.read_text()
    assert time.monotonic() - begun < LIMIT
    log = server.log.read_text()
    assert "a request was given up" in log
    assert "Traceback" not in log
    assert "nanobind" not in log
    for connection in slow:
        connection.close()
    check(data, acknowledged)


@pytest.mark.parametrize("more", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_come_while_it_stops_change_nothing(serve, producer, until, tmp_path, more):
    data = tmp_path / "data"
    _, key = keys_of(data, create=True).new("ingest")
    server = serve(data)
    producers = [producer(server, key, f"p{n}") for n in range(2)]
    until(lambda: all(p.acknowledged > 20 for p in producers), "load")
    server.process.send_signal(signal.SIGTERM)
    while server.process.poll() is None:
        server.process.send_signal(more)
        time.sleep(0.001)
    assert server.process.wait(LIMIT) == 0, server.log.read_text()
    acknowledged = {p.emitter: p.end() for p in producers}
    assert clean(server.log.read_text()), server.log.read_text()
    check(data, acknowledged)


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.3, 0.45, 0.6, 0.8])
def test_a_signal_while_it_starts_leaves_a_folder_that_starts_again(serve, tmp_path, delay):
    data = tmp_path / "data"
    server = serve(data)
    assert server.end() == 0
    command = [sys.executable, "-m", "sealtrail", "serve", "--data", str(data), "--port", "0"]
    starting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    starting.terminate()
    _, log = starting.communicate(timeout=LIMIT)
    # Before our first line runs, nobody but the system can answer the signal.
    assert starting.returncode in {0, -signal.SIGTERM}, log
    assert "Traceback" not in log
    again = serve(data)
    assert again.ask("GET", "/healthz")[0] == 200
    assert again.end() == 0
    check(data, {})


def test_ctrl_c_is_a_stop_as_well(serve, tmp_path):
    data = tmp_path / "data"
    server = serve(data)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(LIMIT) == 0
    assert clean(server.log.read_text()), server.log.read_text()
