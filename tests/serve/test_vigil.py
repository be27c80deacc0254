"""`sealtrail witness serve` as a process: its endpoints, its limits, and what kill -9 leaves."""

from __future__ import annotations

import asyncio
import hashlib
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sealtrail.errors import UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import EMPTY_ROOT
from sealtrail.ledger.note import Note, VerifyKey, sign_note, verify_note
from sealtrail.ledger.sign import TrailKey
from sealtrail.ledger.vigil import Vigil
from sealtrail.ledger.witness import MAX_REQUEST_BYTES, Request, signature_lines
from sealtrail.serve import vigil as module
from sealtrail.serve.vigil import WitnessServer, known_logs, witness_app

LOG = TrailKey("log.example/audit", b"l" * 32)
EMPTY = sign_note(Checkpoint(LOG.key.name, 0, EMPTY_ROOT).text, [LOG])
ONE = sign_note(Checkpoint(LOG.key.name, 1, b"r" * 32).text, [LOG])


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[str, VerifyKey, subprocess.Popen[str]]]:
    """Address and key of a witness, and its process, which is killed at the end."""
    command = [sys.executable, "-m", "sealtrail", "witness", "serve", "--port", "0", "--dir", str(folder)]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        key = VerifyKey.from_text(process.stdout.readline().strip())
        url = re.search(r"http://\S+:\d+", process.stderr.readline())[0]
        yield url, key, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_a_witness_that_is_killed_remembers_what_it_cosigned(tmp_path):
    options = ("--log", LOG.key.text, "--name", "w.example/1", "--algorithm", "ml-dsa-44")
    with running(tmp_path / "w", *options) as (url, key, process):
        answer = httpx.post(f"{url}/add-checkpoint", content=Request(0, (), ONE.data).data)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert answer.status_code == 200
    assert verify_note(Note(ONE.text, signature_lines(answer.content)), [key]) == (key,)
    (tmp_path / "w" / "logs").write_text(f"# those we know\nlog {LOG.key.text}\n")
    with running(tmp_path / "w") as (url, again, process):
        assert again == key
        answer = httpx.post(f"{url}/add-checkpoint", content=Request(0, (), ONE.data).data)
        process.send_signal(signal.SIGTERM)
        assert process.wait() in {0, -signal.SIGTERM}
    assert (answer.status_code, answer.content) == (409, b"1\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"


class Client:
    def __init__(self, vigil: Vigil) -> None:
        self._app = witness_app(vigil)

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, b""))

    def post(self, path: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, content))

    async def _ask(self, method: str, path: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
        line = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=line, base_url="http://witness") as client:
            return await client.request(method, path, content=content)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Vigil(tmp_path, [LOG.key], lambda: 1_700_000_000) as vigil:
        yield Client(vigil)


def test_a_monitor_reads_what_was_cosigned_without_a_key(client):
    digest = hashlib.sha256(LOG.key.name.encode()).hexdigest()
    assert client.get(f"/{digest}/checkpoint").status_code == 404
    line = client.post("/add-checkpoint", content=Request(0, (), EMPTY.data).data).content
    assert client.get(f"/{digest}/checkpoint").content == EMPTY.data + line
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/add-checkpoint").status_code == 405


def test_a_body_beyond_the_limit_is_refused(client):
    assert client.post("/add-checkpoint", content=b"x" * MAX_REQUEST_BYTES).status_code == 400
    assert client.post("/add-checkpoint", content=b"x" * (MAX_REQUEST_BYTES + 1)).status_code == 413


def test_a_body_that_does_not_come_is_given_up(client, monkeypatch):
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(module, "BODY_SECONDS", 0.01)
    assert client.post("/add-checkpoint", content=never()).status_code == 408


def test_logs_are_named_by_key_by_file_and_in_the_folder(tmp_path):
    (tmp_path / "logs").write_text(f"log {LOG.key.text} https://log.example/\n")
    other = TrailKey("log.example/access", b"a" * 32).key
    file = tmp_path / "access.vkey"
    file.write_text(f"{other.text}\n")
    assert known_logs(tmp_path, [str(file), LOG.key.text]) == (LOG.key, other)


@pytest.mark.parametrize("text", ["nothing", "a+b+c", LOG.key.text[:-1]])
def test_what_is_no_key_of_a_log_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="--log"):
        known_logs(tmp_path, [text])


def test_the_key_of_a_witness_and_a_file_that_cannot_be_read_are_no_logs(tmp_path):
    cosigner = VerifyKey("w.example", 4, LOG.key.public)
    with pytest.raises(UsageError, match="not one that logs sign with"):
        known_logs(tmp_path, [cosigner.text])
    (tmp_path / "logs").write_text("log\n")
    with pytest.raises(UsageError, match="line 1"):
        known_logs(tmp_path, [])


def test_a_port_that_is_taken_is_refused_before_anything_is_made(tmp_path):
    first = WitnessServer(tmp_path / "a", port=0)
    with pytest.raises(UsageError, match="cannot be listened on"):
        WitnessServer(tmp_path / "b", port=first.port)
    with first.open():
        pass
    assert not (tmp_path / "b").exists()
