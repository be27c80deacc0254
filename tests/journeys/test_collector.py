"""One collector from its first start to its last proof, by the commands alone, as an operator meets it."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sealtrail.cli.main import main
from sealtrail.spool.disk import Spool

HEAD = (
    b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"%s-%d","sealtrail.kind":"request",'
    b'"event.action":"http.request","url.path":"/invoices/%d"'
)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Run `sealtrail ARGUMENTS...` on the data folder, in the folder of the test."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env={"SEALTRAIL_DATA": "data"})

    return call


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], str]:
        command = [
            sys.executable,
            "-m",
            "sealtrail",
            "serve",
            "--data",
            "data",
            "--spool",
            "spool",
            "--port",
            "0",
        ]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        started.append(process)
        line = process.stderr.readline() if process.stderr is not None else ""
        assert " at http://" in line
        return process, line.split(" at ")[1].strip()

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def post(url: str, key: str, lines: list[bytes]) -> dict[str, object]:
    request = urllib.request.Request(
        f"{url}/api/v1/events",
        gzip.compress(b"\n".join(lines)),
        {
            "Authorization": f"Bearer {key}",
            "Content-Encoding": "gzip",
            "Content-Type": "application/x-ndjson",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.loads(answer.read()))


def test_from_the_first_start_to_the_last_proof(run, serve, tmp_path):
    key = json.loads(run("key", "new", "--role", "ingest", "-o", "json").stdout)["key"]
    process, url = serve()

    # Two ways in: over HTTP, and through the folder of an application.
    sent = [
        HEAD % (b"http", n, n) + b',"sealtrail.emitter":"till","sealtrail.seq":%d}' % n for n in range(20)
    ]
    said = post(url, key, sent)
    assert (said["accepted"], said["rejected"]) == (20, [])
    assert post(url, key, sent)["duplicates"] == 20
    spool = Spool(tmp_path / "spool")
    for n in range(20):
        assert spool.write(HEAD % (b"app", n, n))
    spool.close()

    # What was acknowledged is found at once; the folder is emptied when all of it is in the ledger.
    assert json.loads(run("count", "event.id:http-*", "-o", "json").stdout) == [{"count": 20}]
    end = time.monotonic() + 20
    while list((tmp_path / "spool").glob("*.ndjson")):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert json.loads(run("count", "event.id:app-*", "-o", "json").stdout) == [{"count": 20}]
    rows = json.loads(run("search", "url.path:/invoices/7", "-o", "json").stdout)
    assert {row["event.id"] for row in rows} == {"http-7", "app-7"}

    # An operator acts through the running server; nobody else may write.
    assert run("block", "203.0.113.9", "--reason", "ticket 4711").exit_code == 0
    assert run("rebuild").exit_code == 2

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    whole = json.loads(run("verify", "data", "-o", "json").stdout)
    assert whole["verdict"] == "intact"
    assert [trail["uncommitted"] for trail in whole["trails"]] == [0, 0]

    # An entry that a third party can check with the public key and nothing else of ours.
    proof = run("prove", "http-7", "-o", "http-7.tlog-proof", "--with-entry", "http-7.json")
    assert proof.exit_code == 0, proof.output
    assert (tmp_path / "http-7.json").read_bytes().startswith(sent[7][:-1])

    # The index is a convenience: without it, and made again, it says the same.
    before = run("search", "sealtrail.kind:request", "-o", "json").stdout
    assert run("rebuild").exit_code == 0
    assert run("search", "sealtrail.kind:request", "-o", "json").stdout == before

    # And the next start goes on.
    process, url = serve()
    assert post(url, key, sent)["duplicates"] == 20
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert json.loads(run("verify", "data", "-o", "json").stdout)["verdict"] == "intact"


def test_tail_follows_every_event_once_through_kills_restarts_and_sealed_volumes(run, serve, tmp_path):
    """Enough that the index closes and merges segments and the ledger seals a volume while it is followed."""
    key = json.loads(run("key", "new", "--role", "ingest", "-o", "json").stdout)["key"]
    process, url = serve()

    def send(first: int, number: int) -> None:
        lines = [
            HEAD % (b"n", n, n) + b',"sealtrail.emitter":"till","sealtrail.seq":%d}' % n
            for n in range(first, first + number)
        ]
        assert post(url, key, lines)["rejected"] == []

    send(0, 5)
    tail = [sys.executable, "-m", "sealtrail", "tail", "-f", "--data", "data", "-o", "jsonl", "event.id:n-*"]
    following = subprocess.Popen(
        # A suite that was started in the background ignores SIGINT, and so would what it starts.
        ["env", "--default-signal=INT", *tail],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    found: list[str] = []
    reading = threading.Thread(
        target=lambda: found.extend(json.loads(line)["event.id"] for line in following.stdout or ())
    )

    def until_found(number: int) -> None:
        end = time.monotonic() + 60
        while len(found) < number:
            assert time.monotonic() < end
            assert following.poll() is None
            time.sleep(0.02)

    reading.start()
    try:
        until_found(5)
        sent = 5
        for ending in (signal.SIGKILL, signal.SIGTERM, None):
            for _ in range(12):
                send(sent, 2000)
                sent += 2000
            if ending is not None:
                process.send_signal(ending)
                process.wait(30)
                process, url = serve()
        until_found(sent)
        sealed = tmp_path / "data" / "trails" / "access" / "sealed"
        end = time.monotonic() + 60
        while not sealed.read_bytes():
            assert time.monotonic() < end
            time.sleep(0.02)
        assert list((tmp_path / "data" / "store").glob("*.parquet"))
        send(sent, 100)
        sent += 100
        until_found(sent)
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 0
    finally:
        following.kill()
        reading.join()
        with following:
            complaint = following.stderr.read() if following.stderr is not None else ""
    assert complaint == ""
    assert found == [f"n-{n}" for n in range(sent)]
