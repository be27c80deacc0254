"""kill -9 of servers under load, with OpenTelemetry's batch processor in the same application.

Each request does one act and writes down, in files of their own, that our call returned and that theirs did.
What returned before the kill is compared with what is there after it: ours in the ledger, once, by way of a
running collector; theirs in the file that its exporter writes to.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from sealtrail.event import read
from sealtrail.event.entry import unseal
from sealtrail.ledger.reader import LedgerReader

ROUNDS = 3
CLIENTS = 8
SOAK = pytest.mark.skipif(not os.environ.get("SEALTRAIL_SOAK"), reason="SEALTRAIL_SOAK is not set")

# An append to a file is one write, which outlives the process, as the spool's does.
BESIDE = """
import threading
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult


def append(name, *numbers):
    file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b"".join(b"%d\\n" % number for number in numbers))
    os.close(file)


class ToFile(LogRecordExporter):
    def export(self, batch):
        append("exported", *(int(record.log_record.body) for record in batch))
        return LogRecordExportResult.SUCCESS

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30_000):
        return True


loggers = {}  # by process: a thread that exports is not there after a fork
making = threading.Lock()


def logger():
    with making:
        if os.getpid() not in loggers:
            provider = LoggerProvider()
            provider.add_log_record_processor(BatchLogRecordProcessor(ToFile()))
            loggers[os.getpid()] = provider.get_logger("shop")
        return loggers[os.getpid()]


@app.post("/acts/NUMBER")
def act(number: int):
    if sealtrail.audit("item.update", target=("item", number)):
        append("written", number)
    logger().emit(LogRecord(body=str(number)))
    append("emitted", number)
    return {"pid": os.getpid()}
"""


NUMBER = {"flask-gunicorn": "<int:number>", "fastapi-uvicorn": "{number}"}


class Load:
    """Clients that act all the time, each act with a number of its own; what was answered whole."""

    def __init__(self, numbers: itertools.count[int]) -> None:
        self._numbers = numbers
        self.answered: list[tuple[int, str]] = []  # process id, request id
        self._stopping = threading.Event()

    def on(self, server) -> None:
        self._server = server
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._act) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def off(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _act(self) -> None:
        while not self._stopping.is_set():
            try:
                status, headers, body = self._server.request("POST", f"/acts/{next(self._numbers)}")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200 and len(body) == int(headers["Content-Length"]):
                self.answered.append((json.loads(body)["pid"], headers["X-Request-ID"]))


def numbers_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split("\n")[:-1]]


def kill_again_and_again(start, serving, folder: Path, stack: str, workers: int, rounds: int, *arguments):
    """One worker, then all of it, under load; and again. What is judged in the end is what is said above."""
    dice = random.Random(20261124)
    load = Load(itertools.count())
    data, spool = folder / "data", folder / "spool"
    kills = 0

    def exported_bytes() -> int:
        path = folder / "exported"
        return path.stat().st_size if path.exists() else 0

    def some_more(server) -> None:
        """Until more is answered, and theirs has exported more: a kill before that would be unfair to it."""
        mark, size = len(load.answered) + dice.randrange(60, 160), exported_bytes()
        server.wait(lambda: len(load.answered) > mark and exported_bytes() > size)

    with serving(data, spools=[spool]):
        for _ in range(rounds):
            server = start(
                folder,
                stack,
                added=BESIDE.replace("NUMBER", NUMBER[stack]),
                workers=workers,
                arguments=arguments,
            )
            load.on(server)
            try:
                some_more(server)
                os.kill(load.answered[-1][0], signal.SIGKILL)
                some_more(server)
            finally:
                server.kill()
                load.off()
            kills += 1 + workers
        # Whatever is left of the segments is taken whole, for their writers are dead.
        end = time.monotonic() + 30
        while list(spool.glob("*.ndjson")):
            assert time.monotonic() < end
            time.sleep(0.01)

    written, emitted = numbers_in(folder / "written"), numbers_in(folder / "emitted")
    exported = numbers_in(folder / "exported")
    reader = LedgerReader(data)
    acts: Counter[int] = Counter()
    identities: Counter[tuple[str, int]] = Counter()
    ids: Counter[str] = Counter()
    emitters = defaultdict(list)
    pids = defaultdict(set)
    requests = set()
    for trail in reader.trails():
        for entry in reader.read(trail, 0, 10_000_000):
            fields = read(entry)
            assert fields["event.action"] != "sealtrail.gap"
            if unseal(entry)[2] != "spool":
                continue  # the collector's own
            identities[fields["sealtrail.emitter"], fields["sealtrail.seq"]] += 1
            ids[fields["event.id"]] += 1
            emitters[fields["sealtrail.emitter"]].append(fields["sealtrail.seq"])
            pids[fields["sealtrail.emitter"]].add(fields["process.pid"])
            if fields["event.action"] == "item.update":
                acts[int(fields["sealtrail.target.id"])] += 1
            else:
                requests.add(fields["http.request.id"])

    assert len(written) > rounds * 100
    assert [number for number in written if acts[number] != 1] == []
    assert set(acts.values()) == set(identities.values()) == set(ids.values()) == {1}
    assert all(sorted(numbers) == list(range(len(numbers))) for numbers in emitters.values())
    assert all(len(of_one) == 1 for of_one in pids.values())
    kept = [path.read_bytes() for path in (data / "state" / "rejects").glob("*.ndjson")]
    torn = [json.loads(line)["code"] for content in kept for line in content.splitlines()]
    assert set(torn) <= {"event.torn"}
    assert len(torn) <= kills
    unrecorded = [each for _, each in load.answered if each not in requests]
    # Under WSGI the end of a response is learned of only when its client has it.
    assert len(unrecorded) <= (0 if server.is_asgi else kills * CLIENTS)

    lost = set(emitted) - set(exported)
    print(
        f"\n{stack}, {workers} workers, {kills} processes killed, {len(emitters)} emitters: "
        f"{len(written):,} writes returned, lost 0; {len(torn)} torn; "
        f"BatchLogRecordProcessor: {len(emitted):,} emits returned, lost {len(lost):,}"
    )
    return len(lost)


GUNICORN_8 = ("flask-gunicorn", 8, "--preload")
UVICORN_2 = ("fastapi-uvicorn", 2)


@pytest.mark.parametrize("how", [GUNICORN_8, UVICORN_2], ids=lambda how: how[0])
def test_kill_9_under_load_loses_no_event_whose_write_returned_where_a_batch_processor_does(
    start, serving, tmp_path, how
):
    stack, workers, *arguments = how
    lost = kill_again_and_again(start, serving, tmp_path, stack, workers, ROUNDS, *arguments)
    # It exports once a second, and clients act until the kill: what they just did is in its memory.
    assert lost > 0


@SOAK
@pytest.mark.soak
@pytest.mark.parametrize("how", [GUNICORN_8, UVICORN_2], ids=lambda how: how[0])
def test_twenty_times_kill_9_under_load_loses_no_event_whose_write_returned(start, serving, tmp_path, how):
    stack, workers, *arguments = how
    kill_again_and_again(start, serving, tmp_path, stack, workers, 20, *arguments)
