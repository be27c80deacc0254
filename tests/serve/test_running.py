from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest

from sealtrail.cli import serve as command  # noqa: F401 - run as a process of its own
from sealtrail.errors import UsageError
from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve import running
from sealtrail.serve.access import keys_of
from sealtrail.serve.folder import Folder
from sealtrail.serve.running import Served


def event(number: int) -> str:
    return (
        '{"@timestamp":"2026-11-24T08:00:00.000000Z","event.action":"invoice.read",'
        f'"sealtrail.emitter":"t","sealtrail.seq":{number}}}'
    )


def said(data: Path) -> list[str]:
    return [read(e)["event.action"] for e in LedgerReader(data).read("audit", 0, 1000)]


@pytest.fixture
def serving(child, tmp_path):
    """`sealtrail serve` as a process of its own, and where it listens."""

    def started():
        process = child("-m", "sealtrail", "serve", "--data", tmp_path / "data", "--port", "0")
        line = process.stderr.readline()
        assert " at http://" in line, line + process.stderr.read()
        return process, line.split(" at ")[1].strip()

    return started


def send(url: str, data: Path, *numbers: int) -> httpx.Response:
    key = keys_of(data).new("ingest")[1]
    body = "\n".join(map(event, numbers))
    return httpx.post(f"{url}/api/v1/events", content=body, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully_with_everything_signed(serving, tmp_path, number):
    process, url = serving()
    assert send(url, tmp_path / "data", 0, 1).json()["accepted"] == 2
    process.send_signal(number)
    assert process.wait(20) == 0
    assert "everything that was acknowledged is on disk and signed" in process.stderr.read()
    report = verify(tmp_path / "data", workers=1)
    assert (report.verdict, [trail.uncommitted for trail in report.trails]) == ("intact", [0, 0])
    assert [a for a in said(tmp_path / "data") if a.startswith("sealtrail.st")] == [
        "sealtrail.started",
        "sealtrail.stopped",
    ]


def test_after_a_kill_9_it_starts_again_and_has_what_it_acknowledged(serving, tmp_path):
    process, url = serving()
    assert send(url, tmp_path / "data", 0, 1).json()["accepted"] == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert verify(tmp_path / "data", workers=1).verdict == "intact"
    process, url = serving()
    answer = send(url, tmp_path / "data", 2)
    assert answer.json()["accepted"] == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert said(tmp_path / "data").count("invoice.read") == 3
    assert verify(tmp_path / "data", workers=1).verdict == "intact"


def test_a_port_that_is_taken_leaves_no_half_of_a_server(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="cannot be listened on"):
            Served(tmp_path / "data", port=other.getsockname()[1])
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_is_in_use_gives_the_port_back(tmp_path):
    with Served(tmp_path / "data", port=0):
        second = Served(tmp_path / "data", port=0)
        with pytest.raises(Exception, match="is the writer"), second:
            pass
        with socket.socket() as free:
            free.bind(("127.0.0.1", second.port))


def test_the_invitation_of_whoever_starts_it_is_on_record(tmp_path):
    with Served(tmp_path / "data", port=0) as served:
        assert served.invitation().startswith(f"http://127.0.0.1:{served.port}/sign-in?link=")
    assert said(tmp_path / "data").count("sealtrail.link") == 1


def test_it_ends_by_itself_when_the_ledger_cannot_be_written(tmp_path, monkeypatch):
    with Served(tmp_path / "data", port=0) as served:
        disk = served.collector.logs["audit"]._disk

        def refuses(_: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(disk, "datasync", refuses)

        def one_event() -> None:
            served.collector.pipeline.record({"event.action": "sealtrail.export"})

        before = signal.getsignal(signal.SIGTERM)
        threading.Timer(0.1, one_event).start()
        assert served.run() is False
        assert signal.getsignal(signal.SIGTERM) is before
    assert Folder(tmp_path / "data").writer() is None


def test_a_question_that_takes_too_long_does_not_keep_a_server_from_ending(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "QUESTION_SECONDS", 0.0)
    monkeypatch.setattr(running, "WATCH_SECONDS", 0.01)
    with Served(tmp_path / "data", port=0) as served:
        key = keys_of(tmp_path / "data").new("viewer")[1]
        endless = "SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3"
        asked = threading.Event()

        def count(*_: object, **__: object) -> int:
            with served.collector.store._engine.cursor() as cursor:
                asked.set()
                return cursor.execute(endless).fetchall()[0][0]

        monkeypatch.setattr(served.collector.store, "count", count)
        told = []

        def ask() -> None:
            answer = httpx.get(
                f"{served.url}/api/v1/count", headers={"Authorization": f"Bearer {key}"}, timeout=30
            )
            told.append((answer.status_code, answer.json()["error"]["code"]))

        def end() -> None:
            asked.wait(30)
            os.kill(os.getpid(), signal.SIGTERM)

        threads = [threading.Thread(target=one) for one in (ask, end)]
        # Before the server listens, its socket does: the request waits there.
        for thread in threads:
            thread.start()
        assert served.run()
        for thread in threads:
            thread.join()
    assert told == [(503, "busy.stopping")]
