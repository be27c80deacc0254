"""kill -9 of application and collector at random moments under load, always against the same folders.

* Every line whose `os.write` returned is in the ledger once, byte for byte. What was written is known from
  hard links to the segments: the collector removes its name of a file, not ours.
* A finished request may lack its event only where its worker was killed, at most one a worker thread.
* A line that was cut short is in quarantine, and counted, and stands in front of no other line.
* What a producer was told over HTTP is stored is there, once.
* The ledger verifies.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealtrail.cli import demo as demo_command  # noqa: F401 - the same parts, run by hand here
from sealtrail.cli import serve as serve_command  # noqa: F401 - run as a process of its own
from sealtrail.demo import client, server, shop_flask, story  # noqa: F401 - as above
from sealtrail.event import read
from sealtrail.event.entry import unseal
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.access import keys_of

THREADS = 4  # of the application's one worker
USERS = 6  # clients that each have one request under way
PATIENCE = 30.0
SOAK = pytest.mark.skipif(not os.environ.get("SEALTRAIL_SOAK"), reason="SEALTRAIL_SOAK is not set")


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.005)


def free_port() -> int:
    """Below the range from which the system takes ports for clients: they must not take it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A server in a process group of its own, started again and again on one port."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        self._command = [sys.executable, "-m", *arguments]
        self._environment = {**os.environ, **environment}
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.running = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self.running is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def stop(self) -> int:
        assert self.running is not None
        self.running.terminate()
        return self.running.wait(PATIENCE)

    def children(self) -> list[int]:
        assert self.running is not None
        pid = self.running.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Users:
    """Real clients. `gate` closed, they finish what they do and wait."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.gate = threading.Event()
        self.over = False
        self.idle = threading.Semaphore(0)
        self.finished: list[tuple[int, str]] = []  # (how many times the application was killed, request id)
        self.kills = 0
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(USERS)]
        for thread in self._threads:
            thread.start()

    def _run(self, name: int) -> None:
        number = 0
        while not self.over:
            if not self.gate.is_set():
                self.idle.release()
                self.gate.wait()
            number += 1
            request = f"u{name}-{number}"
            try:
                self._one(name, number, request)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)  # the application is down: it is asked again until it is there
                continue
            self.finished.append((self.kills, request))

    def _one(self, name: int, number: int, request: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            headers = {"X-Request-ID": request, "Content-Type": "application/json"}
            if number % 5:
                connection.request("GET", f"/products/{number % 30 + 1}", headers=headers)
            else:
                who = {"name": "alice", "password": "alice-likes-5-boats"}
                connection.request("POST", "/login", json.dumps(who), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            assert answer.headers["X-Request-ID"] == request
        finally:
            connection.close()

    def pause(self) -> None:
        """Returns when nobody has a request under way."""
        self.gate.clear()
        for _ in range(USERS):
            assert self.idle.acquire(timeout=PATIENCE)

    def end(self) -> None:
        self.over = True
        self.gate.set()
        for thread in self._threads:
            thread.join()


class Producer:
    """Sends numbered events over HTTP, each batch again until it is acknowledged."""

    BATCH = 5

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self.over = False
        self.acknowledged = 0
        self.attempts = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.over:
            body = b"\n".join(self._event(self.acknowledged + n) for n in range(self.BATCH))
            while not self._sent(body) and not self.over:
                time.sleep(0.01)

    def _event(self, seq: int) -> bytes:
        return (
            b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.action":"meter.read",'
            b'"sealtrail.emitter":"producer","sealtrail.seq":%d}' % seq
        )

    def _sent(self, body: bytes) -> bool:
        self.attempts += 1
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {self._key}"}
            connection.request("POST", "/api/v1/events", body, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        if answer.status != 200:
            return False
        assert said["accepted"] + said["duplicates"] == self.BATCH, said
        self.acknowledged += self.BATCH
        return True

    def end(self) -> None:
        self.over = True
        self._thread.join()


class Journey:
    """The two servers, their load, and what an onlooker knows of the spool."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.data, self.spool, self.kept = folder / "data", folder / "spool", folder / "kept"
        self.kept.mkdir()
        key = keys_of(self.data, create=True).new("ingest")[1]
        # News is signed all the time, so that some kills fall into it.
        (self.data / "settings.toml").write_text("[ledger]\ncheckpoint-seconds = 0.1\n")
        self._dice = dice
        door, shop_port = free_port(), free_port()
        self.collector = Process(
            folder / "collector.log",
            *f"sealtrail serve --data {self.data} --spool {self.spool} --port {door}".split(),
        )
        self.application = Process(
            folder / "shop.log",
            *(
                "gunicorn",
                "sealtrail.demo.shop_flask:create_app()",
                "--no-control-socket",
                "--log-level",
                "warning",
            ),
            *f"--bind 127.0.0.1:{shop_port} --worker-class gthread --workers 1 --threads {THREADS}".split(),
            SEALTRAIL_SPOOL=str(self.spool),
        )
        self.collector.start()
        self.application.start()
        self.users = Users(shop_port)
        self.users.gate.set()
        self.producer = Producer(door, key)
        self.counts: Counter[str] = Counter()

    def under_load(self) -> None:
        """Until some more requests and batches are done, and a moment longer."""
        finished = len(self.users.finished) + self._dice.randint(20, 120)
        acknowledged = self.producer.acknowledged + self._dice.randint(1, 10) * Producer.BATCH
        wait_for(lambda: len(self.users.finished) >= finished, "requests")
        wait_for(lambda: self.producer.acknowledged >= acknowledged, "receipts")
        time.sleep(self._dice.random() * 0.05)

    def kill_collector(self) -> None:
        self.collector.kill()
        self.counts["collector"] += 1
        self.collector.start()
        if self._dice.random() < 0.3:  # and once more, while it recovers
            time.sleep(self._dice.random() * 0.8)
            self.collector.kill()
            self.counts["collector, while it starts"] += 1
            self.collector.start()

    def kill_application(self) -> None:
        whole = bool(self.users.kills % 2)
        workers = self.application.children()
        self.keep()
        if whole:
            self.application.kill()
        else:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
        self.keep()
        self._cut_a_line_short()
        self.users.pause()
        self.users.kills += 1
        self.counts["application" if whole else "worker"] += 1
        if whole:
            self.application.start()
        self.users.gate.set()

    def keep(self) -> None:
        """A link of our own to every segment that is there. Its worker is alive or was a moment ago."""
        for path in self.spool.glob("*.ndjson"):
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                (self.kept / path.name).hardlink_to(path)

    def _cut_a_line_short(self) -> None:
        """Let the dead writer's segment end in half a line, as when it dies in the middle of a write."""
        there = [path for path in self.kept.iterdir() if path.stat().st_nlink > 1]
        for path in sorted(there, key=lambda path: path.stat().st_mtime_ns)[-1:]:
            with path.open("ab", buffering=0) as segment:
                fcntl.flock(segment, fcntl.LOCK_EX)  # once its writer is gone; meanwhile nobody may remove it
                if os.fstat(segment.fileno()).st_nlink > 1 and path.read_bytes()[-1:] == b"\n":
                    segment.write(b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"cut')

    def end(self) -> None:
        self.users.pause()
        self.users.end()
        self.producer.end()
        self.keep()
        assert self.application.stop() == 0
        wait_for(lambda: not list(self.spool.glob("*.ndjson")), "the spool to be collected")
        assert self.collector.stop() == 0

    def kill_everything(self) -> None:
        for process in (self.application, self.collector):
            if process.running is not None:
                process.kill()
        self.users.over = self.producer.over = True
        self.users.gate.set()


@pytest.fixture
def travel(tmp_path: Path) -> Iterator[Callable[[random.Random], Journey]]:
    journeys: list[Journey] = []

    def begin(dice: random.Random) -> Journey:
        journeys.append(Journey(tmp_path, dice))
        return journeys[0]

    yield begin
    for journey in journeys:
        journey.kill_everything()


def judge(journey: Journey, seed: int) -> None:
    report = verify(journey.data, workers=1)
    assert report.verdict == "intact", report.lines()
    assert [trail.uncommitted for trail in report.trails] == [0, 0]

    reader = LedgerReader(journey.data)
    entries = [entry for trail in reader.trails() for entry in reader.read(trail, 0, 10_000_000)]
    lines, identities, requests = set(), Counter(), set()
    gaps = 0
    for entry in entries:
        line, _, source = unseal(entry)
        fields = read(entry)
        identities[source, fields["sealtrail.emitter"], fields["sealtrail.seq"]] += 1
        if source == "spool":
            lines.add(line)
            if fields["sealtrail.kind"] == "request":
                requests.add(fields["http.request.id"])
        gaps += fields["event.action"] == "sealtrail.gap"
    assert set(identities.values()) == {1}

    segments = {path.name: path.read_bytes() for path in journey.kept.iterdir()}
    written = [line for content in segments.values() for line in content.split(b"\n")[:-1]]
    missing = [line for line in written if line not in lines]
    assert missing == []
    assert len(lines) == len(set(written)) == len(written)
    assert gaps == 0  # no number was skipped: no event was lost between two that are there

    cut = {name for name, content in segments.items() if content and not content.endswith(b"\n")}
    kept = [path.read_bytes() for path in (journey.data / "state" / "rejects").glob("*.ndjson")]
    refused = [json.loads(text) for content in kept for text in content.splitlines()]
    assert {one["code"] for one in refused} <= {"event.torn"}
    assert sorted({one["place"].split("@")[0] for one in refused}) == sorted(cut)

    without = Counter(epoch for epoch, request in journey.users.finished if request not in requests)
    assert all(count <= THREADS for count in without.values()), without
    assert journey.users.kills not in without  # nothing is missing where nobody was killed

    stored = {seq for source, emitter, seq in identities if emitter == "producer"}
    acknowledged = set(range(journey.producer.acknowledged))
    assert acknowledged <= stored
    assert len(stored) <= len(acknowledged) + Producer.BATCH  # the last batch may be there, unanswered

    print(
        f"\nseed {seed}; killed: {dict(journey.counts)}\n"
        f"{len(written):,} lines in {len(segments)} segments, all stored once; {len(cut)} cut short, "
        f"{len(cut)} in quarantine\n"
        f"{len(journey.users.finished):,} finished requests, {sum(without.values())} without their event, "
        f"at most {max(without.values(), default=0)} at one kill of {THREADS} threads\n"
        f"{len(acknowledged):,} events acknowledged over HTTP in {journey.producer.attempts:,} attempts, "
        f"all stored once\n"
        f"{len(entries):,} entries, {sum(t.checkpoints for t in report.trails):,} checkpoints, intact"
    )


def run(begin: Callable[[random.Random], Journey], seed: int, kills: int) -> None:
    """`kills` of each, in random order."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    journey = begin(dice)
    acts = [journey.kill_application, journey.kill_collector] * kills
    dice.shuffle(acts)
    for act in acts:
        journey.under_load()
        act()
    journey.under_load()
    journey.end()
    judge(journey, seed)


def test_kill_9_of_application_and_collector_loses_and_doubles_nothing(travel):
    run(travel, 20261124, 2)


@SOAK
@pytest.mark.soak
def test_twenty_times_each_kill_9_loses_and_doubles_nothing(travel):
    run(travel, random.SystemRandom().randrange(1 << 32), 20)
