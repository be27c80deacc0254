"""Websockets through a real server and a real socket: FastAPI under uvicorn."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealtrail.spool.layout import Block, BlockList, publish_blocks

BOTH_ENDS = Path(__file__).with_name("rfc6455.py")
_ends = runpy.run_path(str(BOTH_ENDS))
Client, frame = _ends["Client"], _ends["frame"]
TEXT, CLOSE, PING, PONG = (_ends[name] for name in ("TEXT", "CLOSE", "PING", "PONG"))

ECHO = """

from fastapi import WebSocket


@app.websocket("/rooms/{room}")
async def room(websocket: WebSocket, room: int):
    if room == 0:
        await websocket.close(1008)
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        if text == "break":
            raise LookupError("half way")
        if text == "leave":
            await websocket.close(4001)
            return
        await websocket.send_text(text + "!")
"""


@pytest.fixture(scope="module")
def talking(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("websockets")
    shutil.copy(BOTH_ENDS, folder)
    return start(folder, "fastapi-uvicorn", added=ECHO, arguments=("--ws", "rfc6455:Protocol"))


@pytest.fixture
def server(talking: Any) -> Iterator[Any]:
    talking.forget()
    yield talking
    (talking.spool / "blocks.json").unlink(missing_ok=True)


def test_a_conversation_is_two_events_that_share_an_id(server):
    client = Client(server.port, "/rooms/7?token=planted-secret-1&page=2", X_Request_ID="chat-1")
    assert (client.status, client.headers["x-request-id"]) == (101, "chat-1")
    (opened,) = server.events(1)
    assert (opened["event.action"], opened["http.response.status_code"]) == ("websocket.open", 101)
    assert (opened["http.route"], opened["url.query"]) == ("/rooms/{room}", "token=[redacted:token]&page=2")
    client.say("hello")
    assert client.hear() == (TEXT, b"hello!")
    client.say("w\u00f6rld")
    assert client.hear() == (TEXT, "w\u00f6rld!".encode())
    client.close()
    opened, closed = server.events(2)
    assert (closed["event.action"], closed["event.outcome"]) == ("websocket.close", "success")
    assert opened["http.request.id"] == closed["http.request.id"] == "chat-1"
    assert (closed["http.request.body.bytes"], closed["http.response.body.bytes"]) == (11, 13)
    assert closed["event.reason"] == "closed with 1000"
    assert closed["event.duration"] > 0


@pytest.mark.parametrize(
    ("ending", "reason", "outcome"),
    [
        ("vanish", "closed with 1006", "unknown"),
        ("leave", "closed with 4001", "failure"),
        ("away", "closed with 1001", "success"),
    ],
)
def test_however_it_ends_is_told(server, ending, reason, outcome):
    client = Client(server.port, "/rooms/1")
    if ending == "vanish":
        client.socket.close()
    elif ending == "away":
        client.close(1001)
    else:
        client.say(ending)
        assert client.hear() == (CLOSE, struct.pack("!H", 4001))
        client.socket.close()
    _, closed = server.events(2)
    assert (closed["event.reason"], closed["event.outcome"]) == (reason, outcome)


def test_an_application_that_breaks_is_a_failure_with_its_class(server):
    client = Client(server.port, "/rooms/1")
    client.say("break")
    assert client.hear() == (CLOSE, struct.pack("!H", 1011))
    client.socket.close()
    _, closed = server.events(2)
    assert (closed["event.outcome"], closed["error.type"]) == ("failure", "LookupError")


def test_a_handshake_that_is_refused_is_one_event(server):
    client = Client(server.port, "/rooms/0")
    client.socket.close()
    assert client.status == 403
    (event,) = server.events(1)
    assert (event["http.response.status_code"], event["event.outcome"]) == (403, "failure")


def test_a_blocked_address_gets_no_websocket(server):
    now = int(time.time())
    publish_blocks(server.spool, BlockList(now, (Block("203.0.113.9", now + 60, "b1"),)))
    end = time.monotonic() + 30
    while True:
        client = Client(server.port, "/rooms/1", X_Forwarded_For="203.0.113.9")
        client.socket.close()
        if client.status == 403:
            break
        assert time.monotonic() < end
    refused = [event for event in server.events(1) if event.get("event.reason") == "blocked"]
    assert [event["client.ip"] for event in refused] == ["203.0.113.9"]
    other = Client(server.port, "/rooms/1", X_Forwarded_For="203.0.113.10")
    other.close()
    assert other.status == 101


def test_many_at_a_time_are_told_apart(server):
    clients = [Client(server.port, f"/rooms/{n}", X_Request_ID=f"many-{n}") for n in range(1, 21)]
    for number, client in enumerate(clients, 1):
        client.say("x" * number)
    for client in clients:
        assert client.hear()[0] == TEXT
        client.socket.sendall(frame(PING, b"?", mask=os.urandom(4)))
        assert client.hear() == (PONG, b"?")
        client.close()
    events = server.events(40)
    closed = {e["http.request.id"]: e for e in events if e["event.action"] == "websocket.close"}
    assert {name: e["http.request.body.bytes"] for name, e in closed.items()} == {
        f"many-{n}": n for n in range(1, 21)
    }


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_stops_tells_of_what_was_open_and_a_killed_one_has_told_that_it_was(
    start, tmp_path, ending
):
    shutil.copy(BOTH_ENDS, tmp_path)
    server = start(tmp_path, "fastapi-uvicorn", added=ECHO, arguments=("--ws", "rfc6455:Protocol"))
    client = Client(server.port, "/rooms/1", X_Request_ID="to-the-end")
    assert [event["event.action"] for event in server.events(1)] == ["websocket.open"]
    server.process.send_signal(ending)
    server.process.wait(30)
    server.stop()
    client.socket.close()
    told = [line for line in server.lines() if b"to-the-end" in line]
    if ending == signal.SIGKILL:
        assert len(told) == 1
    else:
        assert len(told) == 2
        assert b"closed with 1012" in told[1]
