from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sealtrail.collect import inbox as room
from sealtrail.collect.inbox import Inbox, ask
from sealtrail.errors import AccessError, BusyError, SealtrailError, UsageError


class Server:
    """Carries out acts and remembers them."""

    def __init__(self) -> None:
        self.acts: list[dict[str, Any]] = []

    def __call__(self, act: dict[str, Any]) -> dict[str, Any]:
        self.acts.append(act)
        match act["act"]:
            case "refuse":
                raise UsageError("usage.argument", "that cannot be", hint="Try another.")
            case "deny":
                raise AccessError("access.denied", "not you")
            case "break":
                return {"sum": sum(act["numbers"])}
            case _:
                return {"done": act["act"]}


def running(folder: Path, server: Server) -> Inbox:
    inbox = Inbox(folder, server)
    inbox.start()
    return inbox


def test_what_is_asked_is_answered_and_nothing_is_left_behind(tmp_path):
    server = Server()
    inbox = running(tmp_path / "inbox", server)
    assert ask(tmp_path / "inbox", {"act": "block", "address": "203.0.113.9"}) == {"done": "block"}
    inbox.stop()
    assert [act["address"] for act in server.acts] == ["203.0.113.9"]
    assert list((tmp_path / "inbox").iterdir()) == []
    assert (tmp_path / "inbox").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [("refuse", "usage.argument", "Try another."), ("deny", "access.denied", "not you")],
)
def test_a_refusal_keeps_its_code_and_its_words(tmp_path, act, code, words):
    inbox = running(tmp_path, Server())
    with pytest.raises(SealtrailError) as refused:
        ask(tmp_path, {"act": act})
    inbox.stop()
    assert refused.value.code == code
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "act", [{}, {"act": "break"}, {"act": "break", "numbers": 3}, {"act": "break", "numbers": ["x"]}]
)
def test_an_act_that_makes_no_sense_is_answered_and_the_next_one_too(tmp_path, act):
    inbox = running(tmp_path, Server())
    with pytest.raises(SealtrailError, match="cannot be carried out"):
        ask(tmp_path, act)
    assert ask(tmp_path, {"act": "next"}) == {"done": "next"}
    inbox.stop()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 5000])
def test_a_request_that_cannot_be_read_does_not_end_the_inbox(tmp_path, content):
    (tmp_path / "x.request").write_bytes(content)
    inbox = running(tmp_path, Server())
    assert ask(tmp_path, {"act": "next"}) == {"done": "next"}
    inbox.stop()
    assert "cannot be carried out" in json.loads((tmp_path / "x.answer").read_bytes())["error"]


def test_without_a_server_it_gives_up_and_takes_the_request_back(tmp_path):
    with pytest.raises(BusyError) as refused:
        ask(tmp_path, {"act": "block"}, timeout=0.0)
    assert refused.value.code == "busy.queue"
    assert list(tmp_path.iterdir()) == []


def test_requests_of_a_server_that_died_are_carried_out_by_the_next(tmp_path):
    (tmp_path / "left.request").write_bytes(b'{"act":"unblock"}')
    (tmp_path / "old.answer").write_bytes(b'{"done":"long ago"}')
    server = Server()
    inbox = running(tmp_path, server)
    ask(tmp_path, {"act": "next"})
    inbox.stop()
    assert [act["act"] for act in server.acts] == ["unblock", "next"]
    assert not (tmp_path / "old.answer").exists()


def test_every_act_carries_the_name_of_its_request(tmp_path):
    server = Server()
    inbox = running(tmp_path, server)
    for _ in range(2):
        ask(tmp_path, {"act": "record", "request": "forged"})
    inbox.stop()
    names = {act["request"] for act in server.acts}
    assert len(names) == 2
    assert "forged" not in names


def test_several_ask_at_once_and_each_gets_its_own_answer(tmp_path):
    inbox = running(tmp_path, Server())
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: ask(tmp_path, {"act": f"act-{n}"}), range(24)))
    inbox.stop()
    assert said == [{"done": f"act-{n}"} for n in range(24)]


def test_an_answer_the_disk_refuses_is_said_later_and_the_act_is_done_once(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "RETRY_SECONDS", 0.01)
    save, refused = room.save_json, threading.Semaphore(0)
    refusing = [3]

    def refuses(path: Path, value: Any) -> None:
        if path.suffix == room.ANSWER and refusing[0]:
            refusing[0] -= 1
            refused.release()
            raise OSError(28, "No space left on device")
        save(path, value)

    monkeypatch.setattr(room, "save_json", refuses)
    server = Server()
    inbox = running(tmp_path, server)
    assert ask(tmp_path, {"act": "block"}) == {"done": "block"}
    inbox.stop()
    assert [act["act"] for act in server.acts] == ["block"]
    assert refusing == [0]
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_is_taken_back_is_not_carried_out(tmp_path):
    server = Server()
    inbox = Inbox(tmp_path, server)
    assert inbox._answer(tmp_path / "gone.request")
    assert server.acts == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_asks_is_readable_for_the_collector(tmp_path, monkeypatch):
    folder = tmp_path / "inbox"
    folder.mkdir()
    os.chown(folder, 12345, 12346)
    seen = []
    real = Path.rename

    def renamed(self, target):
        found = self.stat()
        seen.append((found.st_uid, found.st_gid))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(BusyError):
        ask(folder, {"act": "blocks"}, timeout=0.0)
    assert seen == [(12345, 12346)]
