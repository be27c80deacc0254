"""Websockets that are refused at the handshake: a real client, and the two servers that speak to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

GATES = """

from typing import Annotated
from fastapi import Depends, HTTPException, WebSocket, WebSocketException
from fastapi.security import APIKeyHeader
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse


def bearer(connection: HTTPConnection):
    if connection.headers.get("authorization") != "Bearer good":
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    sealtrail.actor(user_id="u1")


@app.websocket("/gates/{how}")
async def gate(socket: WebSocket, how: str):
    if how == "close":
        await socket.close(1008)
    elif how == "page":
        await socket.send_denial_response(PlainTextResponse("no room", 429, {"Retry-After": "9"}))
    elif how == "raise":
        raise LookupError("x")
    elif how == "known":
        sealtrail.actor(user_id="u1")
        await socket.close(1008)


@app.websocket("/guarded", dependencies=[Depends(bearer)])
async def guarded(socket: WebSocket):
    await socket.accept()
    await socket.close()


key = APIKeyHeader(name="X-Key", auto_error=False)


@app.websocket("/policy")
async def policy(socket: WebSocket, key: Annotated[str | None, Depends(key)]):
    raise WebSocketException(1008)
"""


@pytest.fixture(scope="module", params=["fastapi-uvicorn", "fastapi-hypercorn"])
def running(request, start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp(request.param), request.param, added=GATES)
    yield server
    server.stop()


@pytest.fixture
def server(running) -> Any:
    running.forget()
    return running


def refused(server, path: str, **headers: str) -> Any:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers=fields)
    return refusal.value.response


@pytest.mark.parametrize(
    ("how", "status", "fault"),
    [("close", 403, None), ("page", 429, None), ("raise", 500, "LookupError"), ("nothing", 500, None)],
)
def test_a_refused_handshake_is_a_failure_with_the_status_its_client_saw(server, how, status, fault) -> None:
    answer = refused(server, f"/gates/{how}")
    assert answer.status_code == status
    (event,) = server.events(1)
    assert (event["http.response.status_code"], event["event.outcome"]) == (status, "failure")
    assert (event["http.route"], event.get("error.type")) == ("/gates/{how}", fault)
    if how == "page":
        assert answer.headers["X-Request-ID"] == event["http.request.id"]
        assert event["http.response.body.bytes"] == len(b"no room")


def test_a_path_without_a_websocket_is_refused_and_recorded(server) -> None:
    status = refused(server, "/nowhere").status_code
    (event,) = server.events(1)
    assert (event["http.response.status_code"], event["event.outcome"]) == (status, "failure")


@pytest.mark.parametrize(
    ("path", "given", "action", "reason"),
    [
        ("/guarded", {"Authorization": "Bearer planted-1"}, "authn_token_fail", "invalid_token"),
        ("/guarded", {}, "authn_required", "invalid_token"),
        ("/policy", {"X_Key": "planted-2"}, "authn_token_fail", "refused"),
        ("/policy", {}, "authn_required", "no_credentials"),
        ("/gates/known", {}, "authz_fail", "forbidden"),
    ],
)
def test_who_was_refused_at_the_handshake_is_told_as_of_any_request(
    server, path, given, action, reason
) -> None:
    answer = refused(server, path, **given)
    events = {event["sealtrail.kind"]: event for event in server.events(2)}
    request = events.pop("request")
    (told,) = events.values()
    assert (told["event.action"], told["event.reason"]) == (action, reason)
    assert told["http.request.id"] == request["http.request.id"]
    assert request["http.response.status_code"] == answer.status_code
    assert request["event.type"][-1] == "denied"


def test_who_has_the_right_token_gets_in(server) -> None:
    address = f"ws://127.0.0.1:{server.port}/guarded"
    with connect(address, additional_headers={"Authorization": "Bearer good"}):
        pass
    opened, closed = server.events(2)
    assert {opened["user.id"], closed["user.id"]} == {"u1"}
    assert closed["event.outcome"] == "success"
