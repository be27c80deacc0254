"""An application in a container without a volume: gunicorn, its output in a pipe, and who reads it."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sealtrail.spool.layout import MARK
from sealtrail.spool.loss import LOSS

PATIENCE = 30.0

APP = """
import os, signal, sys
from flask import Flask
import sealtrail
from sealtrail.flask import Sealtrail

if os.environ.get("DIES_OF_PIPES"):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
app = Flask("shop")
Sealtrail(app, service="shop")

@app.get("/items/<int:number>")
def item(number):
    return {"number": number, "pid": os.getpid()}

@app.get("/chatter")
def chatter():
    print("a line of the application", flush=True)
    sealtrail.audit("report.export", details={"rows": ["x" * 500] * 20})
    return "ok"
"""


class Container:
    """gunicorn with two workers; `output` is the end of the pipe that its runtime would read."""

    def __init__(self, folder: Path, **environment: str) -> None:
        (folder / "shop_app.py").write_text(APP)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.output, end = os.pipe()
        self.errors = folder / "errors.log"
        command = "-m gunicorn --no-control-socket --log-level warning --worker-class gthread --threads 2"
        where = ["--workers", "2", "--bind", f"127.0.0.1:{self.port}", "shop_app:app"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *command.split(), *where],
                cwd=folder,
                env={
                    **os.environ,
                    "SEALTRAIL_SPOOL": "stdout:",
                    "SEALTRAIL_PSEUDONYM_KEY": "k",
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=end,
                stderr=errors,
            )
        os.close(end)
        patience = time.monotonic() + PATIENCE
        while not self.answers():
            assert time.monotonic() < patience
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.02)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()

    def workers(self) -> list[str]:
        """Process ids of the master's children."""
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def said(self) -> bytes:
        """What is in the pipe now."""
        ready, _, _ = select.select([self.output], [], [], 0)
        return os.read(self.output, 1_000_000) if ready else b""

    def deaf(self) -> None:
        """Whoever read is gone."""
        if self.output >= 0:
            os.close(self.output)
            self.output = -1

    def stop(self) -> bytes:
        """End it; what it had still to say."""
        self.process.send_signal(signal.SIGTERM)
        said = b""
        while self.output >= 0 and (part := os.read(self.output, 65_536)):
            said += part
        self.process.wait()
        self.deaf()
        return said


@pytest.fixture
def container(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Container]:
    made = Container(tmp_path, **getattr(request, "param", {}))
    yield made
    if made.process.poll() is None:
        with suppress(OSError):
            made.deaf()
        made.process.kill()
        made.process.wait()


def sealtrail(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "sealtrail", *arguments], input=given, capture_output=True)


def test_from_the_applications_output_to_the_ledger_each_event_once(container, tmp_path):
    output = b""
    for number in range(20):
        container.ask(f"/items/{number}")
        container.ask("/chatter")
        output += container.said()
    output += container.stop()
    assert output.count(b"a line of the application\n") == 20
    data = ["--data", str(tmp_path / "data")]
    first = sealtrail("import", "-", *data, "-o", "json", given=output)
    assert first.returncode == 0, first.stderr
    (told,) = json.loads(first.stdout)
    assert (told["read"], told["stored"], told["rejected"], told["others"]) == (60, 60, 0, 20)
    # The runtime kept it as well, with its own words around each line, and hands out the end of it again.
    kept = b"".join(b"2026-11-24T08:00:00.0Z stdout F %b" % line for line in output.splitlines(True)[-30:])
    (told,) = json.loads(sealtrail("import", "-", *data, "-o", "json", given=kept).stdout)
    assert (told["stored"], told["duplicates"]) == (0, told["read"])
    counted = sealtrail("count", "event.action:http.request", *data, "-o", "json")
    assert json.loads(counted.stdout) == [{"count": 40}]


def test_a_log_that_is_none_of_ours_is_refused_and_not_swallowed(tmp_path):
    done = sealtrail("import", "-", "--data", str(tmp_path / "data"), given=b'{"@timestamp": "x"}\n' * 3)
    assert done.returncode == 1
    assert b"other lines 3" in done.stdout
    assert b"Save any other log to a file" in done.stderr


@pytest.mark.parametrize("container", [{}, {"DIES_OF_PIPES": "1"}], indirect=True, ids=["plain", "sigpipe"])
def test_a_reader_that_is_gone_costs_no_answer_and_no_worker(container):
    container.ask("/items/1")
    workers = container.workers()
    assert len(workers) == 2
    container.deaf()
    for _ in range(20):
        container.ask("/items/2")
    assert container.workers() == workers
    container.stop()
    said = container.errors.read_text()
    assert "standard output cannot be written: Broken pipe" in said
    assert "Traceback" not in said
    assert "SIGPIPE" not in said


def test_a_reader_that_is_slow_costs_no_time_and_what_it_missed_is_told(container):
    for _ in range(40):
        container.ask("/items/1")
    took = time.monotonic()
    for _ in range(150):  # more than the pipe holds
        container.ask("/items/2")
    assert time.monotonic() - took < PATIENCE
    first = os.read(container.output, 1_000_000)
    for _ in range(10):
        container.ask("/items/3")
    output = first + container.stop()
    events = [json.loads(line) for line in output.splitlines() if line.startswith(MARK)]
    told = [event["sealtrail.details"]["access"] for event in events if event["event.action"] == LOSS]
    requests = [event for event in events if event["event.action"] == "http.request"]
    assert sum(told) > 0
    assert len(requests) + sum(told) == 200
