"""kill -9 of application or collector under load: stored exactly once, verified intact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from sealtrail.cli import demo as demo_command  # noqa: F401 - the same parts, run by hand here
from sealtrail.cli import serve as serve_command  # noqa: F401 - run as a process of its own
from sealtrail.demo import client, server, shop, story  # noqa: F401 - as above
from sealtrail.demo.client import Client
from sealtrail.demo.server import ShopServer
from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify

KILLS = 20 if os.environ.get("SEALTRAIL_SOAK") else 3
THREADS = 4


def collector(data: Path, spool: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "sealtrail",
        "serve",
        "--data",
        str(data),
        "--spool",
        str(spool),
        "--port",
        "0",
    ]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def load(port: int, answered: list[str], stop: threading.Event, name: int) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        one = Client(port, f"192.0.2.{name}")
        try:
            one._connection.request("GET", "/health", headers={"X-Request-ID": f"r-{name}-{time.time_ns()}"})
            answer = one._connection.getresponse()
            answer.read()
            answered.append(answer.headers["X-Request-ID"])
        except OSError:
            stop.wait(0.02)
        except Exception:
            stop.wait(0.02)
        finally:
            one.close()


def workers(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children]


def test_kill_9_of_application_or_collector_loses_and_doubles_nothing(tmp_path: Path) -> None:
    data, spool = tmp_path / "data", tmp_path / "spool"
    dice = random.Random(20261124)
    answered: list[str] = []
    stop = threading.Event()
    running = collector(data, spool)
    with ShopServer(spool, tmp_path / "shop.log", threads=THREADS) as shop_server:
        loaders = [
            threading.Thread(target=load, args=(shop_server.port, answered, stop, n)) for n in range(THREADS)
        ]
        for one in loaders:
            one.start()
        killed_workers = 0
        for number in range(2 * KILLS):
            seen = len(answered)
            until = seen + dice.randint(20, 150)
            end = time.monotonic() + 20
            while len(answered) < until and time.monotonic() < end:
                stop.wait(0.01)
            if number % 2:
                for pid in workers(shop_server.pid):
                    os.kill(pid, signal.SIGKILL)
                    killed_workers += 1
            else:
                running.send_signal(signal.SIGKILL)
                running.wait()
                running = collector(data, spool)
        stop.set()
        for one in loaders:
            one.join()
    end = time.monotonic() + 30
    while list(spool.glob("*.ndjson")) and time.monotonic() < end:
        time.sleep(0.1)
    running.terminate()
    assert running.wait(timeout=30) == 0
    assert not list(spool.glob("*.ndjson"))
    report = verify(data, workers=1)
    assert report.verdict == "intact", report.lines()
    reader = LedgerReader(data)
    entries = [read(e) for e in reader.read("access", 0, 1_000_000)]
    entries += [read(e) for e in reader.read("audit", 0, 1_000_000)]
    identities = [(e["sealtrail.source"], e["sealtrail.emitter"], e["sealtrail.seq"]) for e in entries]
    assert len(identities) == len(set(identities))
    stored = [e["http.request.id"] for e in entries if e.get("sealtrail.kind") == "request"]
    assert len(stored) == len(set(stored))
    lost = set(answered) - set(stored)
    print(f"{len(answered)} answered, {KILLS} + {killed_workers} kills, {len(lost)} answers without event")
    assert len(lost) <= THREADS * killed_workers
    # Every number an emitter reached is there: what os.write returned for was stored.
    assert not [e for e in entries if e["event.action"] == "sealtrail.gap"]
