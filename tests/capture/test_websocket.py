from __future__ import annotations

import asyncio

import pytest

import sealtrail
from sealtrail.capture import websocket
from sealtrail.capture.choices import ALL

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept", "subprotocol": None, "headers": [(b"x-a", b"1")]}


def socket(*messages, raising=None, until_gone=False):
    async def app(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        for message in messages:
            await send(message)
        while until_gone and (await receive())["type"] != "websocket.disconnect":
            pass
        if raising is not None:
            raise raising

    return app


def test_an_open_websocket_is_recorded_before_anybody_is_told(ask, events):
    seen = []

    async def send(_):
        seen.append(len(events()))

    ask(socket(ACCEPT, {"type": "websocket.close"}), [CONNECT], send=send, type="websocket")
    assert seen == [1, 1]


def test_it_has_a_record_at_its_start_and_one_at_its_end(ask, events):
    async def app(scope, receive, send):
        await receive()
        sealtrail.actor(user_id="u1")
        await send(ACCEPT)
        await receive()
        await receive()
        await send({"type": "websocket.send", "text": "h\u00e9"})
        await send({"type": "websocket.send", "bytes": b"abc"})
        assert (await receive())["type"] == "websocket.disconnect"

    inbox = [
        CONNECT,
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.receive", "bytes": b"12", "text": None},
        {"type": "websocket.disconnect", "code": 1001},
    ]
    got = ask(app, inbox, type="websocket", scheme="wss", path="/rooms/7", raw_path=b"/rooms/7")
    assert got.sent[0] == {**ACCEPT, "headers": [(b"x-a", b"1"), got.sent[0]["headers"][1]]}
    opened, closed = events()
    assert (opened["event.action"], closed["event.action"]) == ("websocket.open", "websocket.close")
    assert (opened["event.type"], closed["event.type"]) == (
        ["access", "allowed", "start"],
        ["access", "allowed", "end"],
    )
    for event in (opened, closed):
        assert (event["http.response.status_code"], event["event.outcome"]) == (101, "success")
        assert (event["url.scheme"], event["url.path"], event["user.id"]) == ("wss", "/rooms/7", "u1")
    assert opened["event.id"] != closed["event.id"]
    assert opened["http.request.id"] == closed["http.request.id"] == got.headers[b"x-request-id"].decode()
    assert opened["event.start"] == closed["event.start"]
    assert (closed["http.request.body.bytes"], closed["http.response.body.bytes"]) == (7, 6)
    assert closed["event.reason"] == "closed with 1001"


@pytest.mark.parametrize(
    ("code", "outcome"), [(1000, "success"), (1005, "success"), (1006, "unknown"), (1008, "failure")]
)
def test_the_clients_close_decides_the_outcome(ask, events, code, outcome):
    gone = {"type": "websocket.disconnect", "code": code}
    # What frameworks raise then is not what ended it.
    ask(socket(ACCEPT, until_gone=True, raising=KeyError()), [CONNECT, gone], type="websocket")
    closed = events()[1]
    assert (closed["event.outcome"], closed["event.reason"]) == (outcome, f"closed with {code}")
    assert "error.type" not in closed


def test_the_first_close_counts(ask, events):
    closing = {"type": "websocket.close", "code": 1011}
    inbox = [CONNECT, {"type": "websocket.disconnect", "code": 1000}]
    ask(socket(ACCEPT, closing, until_gone=True), inbox, type="websocket")
    closed = events()[1]
    assert (closed["event.reason"], closed["event.outcome"]) == ("closed with 1011", "failure")


def test_an_exception_ends_it_as_a_failure(ask, events):
    got = ask(socket(ACCEPT, raising=LookupError("x")), [CONNECT], type="websocket")
    assert isinstance(got.raised, LookupError)
    closed = events()[1]
    assert (closed["event.outcome"], closed["error.type"]) == ("failure", "LookupError")


def test_a_server_that_stops_leaves_its_outcome_unknown(ask, events):
    ask(socket(ACCEPT, raising=asyncio.CancelledError()), [CONNECT], type="websocket")
    assert events()[1]["event.outcome"] == "unknown"


def test_an_application_that_just_returns_has_closed_it(ask, events):
    ask(socket(ACCEPT), [CONNECT], type="websocket")
    assert [event["event.outcome"] for event in events()] == ["success", "success"]


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.close", "code": 1008}], 403),
        (
            [
                {"type": "websocket.http.response.start", "status": 401, "headers": []},
                {"type": "websocket.http.response.body", "body": b"no", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"!"},
            ],
            401,
        ),
    ],
)
def test_a_handshake_that_the_application_refuses_is_one_record(ask, events, messages, status):
    got = ask(socket(*messages), [CONNECT], type="websocket")
    (event,) = events()
    assert (event["http.response.status_code"], event["event.outcome"]) == (status, "failure")
    assert event["event.type"] == ["access", "denied"]
    if status == 401:
        assert event["http.response.body.bytes"] == 3
        assert b"x-request-id" in got.headers


CLOSE = {"type": "websocket.close", "code": 1008}
UNAUTHORIZED = {
    "type": "websocket.http.response.start",
    "status": 401,
    "headers": [(b"www-authenticate", b'Bearer error="expired"')],
}
BEARER = (b"authorization", b"Bearer planted-1")


@pytest.mark.parametrize(
    ("refusal", "headers", "known", "action", "reason"),
    [
        (UNAUTHORIZED, [], False, "authn_required", "expired"),
        (UNAUTHORIZED, [BEARER], False, "authn_token_fail", "expired"),
        (CLOSE, [BEARER], False, "authn_token_fail", "refused"),
        (CLOSE, [BEARER], True, "authz_fail", "forbidden"),
        (CLOSE, [], True, "authz_fail", "forbidden"),
        (CLOSE, [], False, None, None),
    ],
)
def test_why_a_handshake_was_refused_is_told(ask, made, events, refusal, headers, known, action, reason):
    made.sign_ins = ALL

    async def app(scope, receive, send):
        if known:
            sealtrail.actor(user_id="u1")
        await send(refusal)

    ask(app, [CONNECT], type="websocket", headers=headers)
    told = [event for event in events() if event["sealtrail.kind"] != "request"]
    assert [(e["event.action"], e["event.reason"]) for e in told] == ([(action, reason)] if action else [])


def test_a_handshake_that_gets_no_answer_is_a_500(ask, events):
    ask(socket(), [CONNECT], type="websocket")
    (event,) = events()
    assert (event["http.response.status_code"], event["event.outcome"]) == (500, "failure")


def test_a_client_that_goes_before_it_is_accepted_leaves_an_unknown_outcome(ask, events):
    ask(socket(until_gone=True), [CONNECT], type="websocket")
    (event,) = events()
    assert (event["event.outcome"], event.get("http.response.status_code")) == ("unknown", None)


def test_an_exception_before_it_is_accepted_is_a_500(ask, events):
    ask(socket(raising=LookupError("x")), [CONNECT], type="websocket")
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "LookupError")


def test_a_secret_in_the_target_of_a_websocket_reaches_no_file(ask, spool):
    secret = "AKIAZ3MVLQ7XN2PKD8WT"
    ask(
        socket(ACCEPT, {"type": "websocket.send", "text": secret}),
        [CONNECT],
        type="websocket",
        path=f"/rooms/{secret}",
        raw_path=f"/rooms/{secret}".encode(),
        query_string=b"token=hunter2222",
    )
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert written.count(b"\n") == 2
    assert secret.encode() not in written
    assert b"hunter2222" not in written


def test_a_fault_of_ours_never_reaches_the_application(ask, made, monkeypatch):
    def fail(*_):
        raise RuntimeError("ours")

    monkeypatch.setattr(websocket, "record", fail)
    got = ask(socket(ACCEPT, {"type": "websocket.close"}), [CONNECT], type="websocket")
    assert (got.raised, len(got.sent)) == (None, 2)
    assert made.errors == 1
