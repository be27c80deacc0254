"""An application, `sealtrail ship` and a collector elsewhere, all killed: nothing is lost or stored twice.

What was written is known from hard links to the segments: the shipper removes its name of a file, not ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealtrail.cli import serve as serve_command  # noqa: F401 - run as a process of its own
from sealtrail.cli import ship as ship_command  # noqa: F401 - as above
from sealtrail.event.entry import unseal
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.access import keys_of
from sealtrail.spool.layout import BLOCKS_FILE, segments

PATIENCE = 40.0
ROUNDS = 6


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port() -> int:
    """Below the range from which the system takes ports for clients: they must not take it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Command:
    """A `sealtrail` process that is started and killed, again and again."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        self._command = [sys.executable, "-m", "sealtrail", *arguments]
        self._environment = {**os.environ, **environment}
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.running = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def stop(self) -> int:
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(PATIENCE)


class Place:
    """The two machines. `kept` holds a link to every segment that was seen."""

    def __init__(self, folder: Path, application) -> None:
        self.application = application
        self.spool, self.data, self.kept = application.spool, folder / "data", folder / "kept"
        self.kept.mkdir()
        self.keys = {role: keys_of(self.data, create=True).new(role)[1] for role in ("ingest", "analyst")}
        (self.data / "settings.toml").write_text("[ledger]\ncheckpoint-seconds = 0.1\n")
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}"
        self.collector = Command(
            folder / "collector.log", *f"serve --data {self.data} --port {self.port}".split()
        )
        self.shipper = Command(
            folder / "ship.log",
            *f"ship --spool {self.spool}".split(),
            SEALTRAIL_URL=url,
            SEALTRAIL_KEY=self.keys["ingest"],
        )
        self.last = Command(
            folder / "last.log",
            *f"ship --once -o json --spool {self.spool}".split(),
            SEALTRAIL_URL=url,
            SEALTRAIL_KEY=self.keys["ingest"],
        )
        self.log = folder

    def keep(self) -> None:
        for _, path in segments(self.spool):
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                (self.kept / path.name).hardlink_to(path)

    def written(self) -> list[bytes]:
        return [line for path in sorted(self.kept.iterdir()) for line in path.read_bytes().splitlines()]

    def stored(self) -> list[bytes]:
        reader = LedgerReader(self.data)
        try:
            told = [
                unseal(entry)
                for trail, size in reader.sizes().items()
                for entry in reader.read(trail, 0, size)
            ]
        finally:
            reader.close()
        return [line for line, _, source in told if source.startswith("key:")]

    def end(self) -> None:
        for command in (self.collector, self.shipper, self.last):
            if command.running is not None and command.running.poll() is None:
                command.kill()


@pytest.fixture
def place(start, tmp_path: Path) -> Iterator[Place]:
    application = start(tmp_path, "flask-gunicorn")
    made = Place(tmp_path, application)
    yield made
    made.end()
    application.stop()


def test_whoever_is_killed_every_event_that_was_written_is_stored_once(place):
    dice = random.Random(20261124)
    place.collector.start()
    place.shipper.start()
    number = 0
    for turn in range(ROUNDS):
        for _ in range(40):
            number += 1
            assert place.application.request("GET", f"/items/{number}")[0] == 200
            place.keep()
        time.sleep(dice.random() * 0.3)
        # While it sends, while it starts, both: and for a while nobody is there.
        if turn % 3 != 1:
            place.shipper.kill()
        if turn % 3 != 0:
            place.collector.kill()
            time.sleep(dice.random() * 0.5)
            place.collector.start()
        if turn % 3 != 1:
            place.shipper.start()
    place.keep()
    place.application.stop()
    wait_for(lambda: not segments(place.spool))
    assert place.shipper.stop() == 0
    assert place.collector.stop() == 0
    written = place.written()
    assert len(written) >= number
    assert Counter(place.stored()) == Counter(written)
    report = verify(place.data)
    assert report.exit_code == 0
    assert (place.spool / "ship" / "pins" / "checkpoints" / "access").exists()


def test_a_block_comes_back_to_the_application_and_ends_it(place):
    place.collector.start()
    place.shipper.start()
    headers = {"X_Forwarded_For": "203.0.113.9"}
    assert place.application.request("GET", "/items/1", **headers)[0] == 200
    wait_for((place.spool / BLOCKS_FILE).exists)
    url, key = f"http://127.0.0.1:{place.port}", place.keys["analyst"]
    environment = {**os.environ, "SEALTRAIL_URL": url, "SEALTRAIL_KEY": key}
    words = [sys.executable, "-m", "sealtrail"]
    block = [*words, "block", "203.0.113.9", "--for", "1h", "--reason", "ticket 7"]
    subprocess.run(block, env=environment, check=True, capture_output=True)
    wait_for(lambda: place.application.request("GET", "/items/1", **headers)[0] == 403)
    assert place.application.request("GET", "/items/1", X_Forwarded_For="203.0.113.10")[0] == 200
    unblock = [*words, "unblock", "203.0.113.9", "--reason", "over"]
    subprocess.run(unblock, env=environment, check=True, capture_output=True)
    wait_for(lambda: place.application.request("GET", "/items/1", **headers)[0] == 200)


def test_what_lies_in_a_spool_is_drained_once_and_the_counts_are_told(place):
    for number in range(10):
        place.application.request("GET", f"/items/{number}")
    place.keep()
    place.collector.start()
    place.last.start()
    assert place.last.running is not None
    assert place.last.running.wait(PATIENCE) == 0
    printed = (place.log / "last.log").read_text()
    told = json.loads(printed[printed.index("{") :])
    assert (told["accepted"], told["rejected"], told["waiting_bytes"]) == (10, 0, 0)
