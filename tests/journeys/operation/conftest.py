"""Real servers, applications and producers for whoever operates them."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 60.0

# An application that records some hundred acts a second, and says how many `audit` has returned from.
APPLICATION = """
import time, sealtrail
for number in range(1_000_000):
    sealtrail.audit("meter.read", target=("meter", str(number)), required=True)
    print(number + 1, flush=True)
    time.sleep(0.002)
"""


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.005)


class Serve:
    """`sealtrail serve` as a process of its own."""

    def __init__(self, data: Path, *arguments: str | Path) -> None:
        self.data = data
        command = [sys.executable, "-m", "sealtrail", "serve", "--data", data, "--port", "0", *arguments]
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as log:
            at = log.tell()
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stderr=log
            )
        wait_for(lambda: self._line(at) or self.process.poll() is not None, "a server")
        assert self.process.poll() is None, self.log.read_text()
        self.port = int(self._line(at).rpartition(":")[2])

    def _line(self, at: int) -> str:
        lines = self.log.read_bytes()[at:].decode().splitlines(True)
        return next((line for line in lines if " at http://" in line and line.endswith("\n")), "")

    def ask(self, method: str, path: str, body: bytes | None = None, key: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Producer(threading.Thread):
    """Sends numbered events over HTTP, batch after batch, each again until it is acknowledged."""

    def __init__(self, server: Serve, key: str, emitter: str, begin: int = 0, batch: int = 5) -> None:
        super().__init__(daemon=True)
        self.emitter = emitter
        self._batch = batch
        self.acknowledged = begin
        self.over = threading.Event()
        self._server, self._key = server, key
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            body = b"\n".join(self._event(self.acknowledged + n) for n in range(self._batch))
            try:
                status, said = self._server.ask("POST", "/api/v1/events", body, self._key)
            except (OSError, http.client.HTTPException):
                self.over.wait(0.01)
                continue
            if status == 200:
                told = json.loads(said)
                assert told["accepted"] + told["duplicates"] == self._batch
                self.acknowledged += self._batch
            else:
                self.over.wait(0.01)

    def _event(self, seq: int) -> bytes:
        fields = {
            "@timestamp": "2026-11-24T08:00:00.000000Z",
            "event.id": f"{self.emitter}-{seq}",
            "event.action": "meter.read",
            "sealtrail.emitter": self.emitter,
            "sealtrail.seq": seq,
        }
        return json.dumps(fields).encode()

    def end(self) -> int:
        """Stop; how many events were acknowledged."""
        self.over.set()
        self.join(PATIENCE)
        return self.acknowledged


class Application:
    """A process that records into a spool."""

    def __init__(self, spool: Path) -> None:
        environment = {**os.environ, "SEALTRAIL_SPOOL": str(spool), "SEALTRAIL_SERVICE": "meter"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.recorded = 0
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.recorded = int(line)

    def end(self) -> int:
        """Kill it; how many acts it was told are recorded."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.recorded


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str] | subprocess.Popen[bytes]]]:
    """Processes that are killed at the end, whatever happened."""
    processes: list[subprocess.Popen[str] | subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


@pytest.fixture
def serve(started) -> Callable[..., Serve]:
    def begin(data: Path, *arguments: str | Path) -> Serve:
        made = Serve(data, *arguments)
        started.append(made.process)
        return made

    return begin


@pytest.fixture
def application(started) -> Callable[[Path], Application]:
    def begin(spool: Path) -> Application:
        made = Application(spool)
        started.append(made.process)
        return made

    return begin


@pytest.fixture
def producer() -> Iterator[Callable[..., Producer]]:
    made: list[Producer] = []

    def begin(server: Serve, key: str, emitter: str, begin: int = 0, batch: int = 5) -> Producer:
        made.append(Producer(server, key, emitter, begin, batch))
        return made[-1]

    yield begin
    for one in made:
        one.over.set()


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object], str], None]:
    return wait_for


@pytest.fixture
def sealtrail() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `sealtrail ARGUMENTS...` as a process of its own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sealtrail", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    return run
