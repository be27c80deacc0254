"""ASGI frameworks under uvicorn: routes, threads, background tasks, and websockets spoken by a library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

# What the others have in their own shops.
FASTAPI = """

from fastapi import BackgroundTasks, WebSocket, WebSocketDisconnect


@app.get("/threads/{number}")
def thread(number: int):
    sealtrail.touched("item", number)
    return {"id": sealtrail.request_id()}


def mail():
    sealtrail.audit("mail.send", target=("mail", "1"))
    raise LookupError("nobody waits for it")


@app.post("/later")
async def later(tasks: BackgroundTasks):
    sealtrail.actor(user_id="u1", roles=["clerk"])
    tasks.add_task(mail)
    return {"id": sealtrail.request_id()}


@app.websocket("/rooms/{room}")
async def room(socket: WebSocket, room: int):
    if room == 0:
        await socket.close(1008)
        return
    await socket.accept()
    try:
        while True:
            text = await socket.receive_text()
            if text == "break":
                raise LookupError("half way")
            await socket.send_text(text + "!")
    except WebSocketDisconnect:
        pass


part = FastAPI()
part.add_api_route("/items/{number}", item)
app.mount("/v1", part)
"""

# stack -> (source to add, how it writes a template)
STACKS = {
    "fastapi-uvicorn": (FASTAPI, "/{}/{{{}}}"),
    "quart-uvicorn": ("", "/{}/<int:{}>"),
    "litestar-uvicorn": ("", "/{}/{{{}}}"),
}


@pytest.fixture(scope="module", params=STACKS)
def running(request, start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp(request.param), request.param, added=STACKS[request.param][0])
    yield server
    server.stop()


@pytest.fixture
def server(running) -> Any:
    running.forget()
    return running


def template(server, noun: str, name: str) -> str:
    return STACKS[server.stack][1].format(noun, name)


def test_a_route_is_the_frameworks_template_also_below_a_mount(server) -> None:
    prefixes = ["", "/v1"] if server.stack != "quart-uvicorn" else [""]
    for prefix in prefixes:
        assert server.request("GET", f"{prefix}/items/7")[0] == 200
    routes = [event["http.route"] for event in server.events(len(prefixes))]
    assert routes == [prefix + template(server, "items", "number") for prefix in prefixes]


def test_a_method_that_the_route_does_not_take_is_a_failure_and_options_is_a_request(server) -> None:
    assert server.request("DELETE", "/items/7")[0] == 405
    status = server.request("OPTIONS", "/items/7")[0]
    refused, asked = server.events(2)
    assert (refused["http.request.method"], refused["event.outcome"]) == ("DELETE", "failure")
    assert (asked["http.request.method"], asked["http.response.status_code"]) == ("OPTIONS", status)


def test_a_view_in_a_thread_knows_its_request(server) -> None:
    body = json.loads(server.request("GET", "/threads/7")[2])
    (event,) = server.events(1)
    assert body["id"] == event["http.request.id"]
    assert (event["sealtrail.object.type"], event["sealtrail.object.id"]) == ("item", "7")


def test_a_background_task_acts_for_its_request_and_its_failure_is_not_the_requests(
    server,
) -> None:
    status, headers, _ = server.request("POST", "/later")
    events = {event["sealtrail.kind"]: event for event in server.events(2)}
    request, act = events["request"], events["audit"]
    assert status == request["http.response.status_code"]
    assert request["event.outcome"] == "success"
    assert "error.type" not in request
    assert act["http.request.id"] == request["http.request.id"] == headers["X-Request-ID"]
    assert (act["user.id"], act["user.roles"]) == ("u1", ["clerk"])
    server.request("GET", "/items/1")  # nothing comes later
    assert len(server.events(3)) == 3


def test_a_conversation_is_two_events_with_what_both_sides_said(server) -> None:
    address = f"ws://127.0.0.1:{server.port}/rooms/7?token=planted-secret-1"
    with connect(address, additional_headers={"X-Request-ID": "chat-1"}) as client:
        assert client.response.headers.get_all("X-Request-ID") == ["chat-1"]
        (opened,) = server.events(1)
        assert (opened["event.action"], opened["http.response.status_code"]) == ("websocket.open", 101)
        assert opened["http.route"] == template(server, "rooms", "room")
        assert opened["url.query"] == "token=[redacted:token]"
        client.send("hello")
        assert client.recv() == "hello!"
        client.send("w\u00f6rld")
        assert client.recv() == "w\u00f6rld!"
    opened, closed = server.events(2)
    assert (closed["event.action"], closed["event.outcome"]) == ("websocket.close", "success")
    assert opened["http.request.id"] == closed["http.request.id"] == "chat-1"
    assert (closed["http.request.body.bytes"], closed["http.response.body.bytes"]) == (11, 13)
    assert closed["event.reason"] == "closed with 1000"


def test_a_websocket_whose_application_breaks_is_a_failure_with_its_class(server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/rooms/1") as client:
        client.send("break")
        with pytest.raises(ConnectionClosed):
            client.recv()
    _, closed = server.events(2)
    assert (closed["event.outcome"], closed["error.type"]) == ("failure", "LookupError")


def test_a_handshake_that_is_refused_is_one_event(server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.port}/rooms/0")
    assert refused.value.response.status_code == 403
    (event,) = server.events(1)
    assert (event["http.response.status_code"], event["event.outcome"]) == (403, "failure")
