from __future__ import annotations

import asyncio

import pytest

import sealtrail
from sealtrail.capture import asgi_exchange, ordinary
from sealtrail.event import decode
from sealtrail.spool.layout import segments

START = {"type": "http.response.start", "status": 200, "headers": []}


def answering(*messages, raising=None):
    """An application that sends these messages, and then may raise."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if raising is not None:
            raise raising

    return app


def part(body=b"", more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


def recorded(spool):
    return [decode(line) for _, path in segments(spool) for line in path.read_bytes().splitlines()]


def test_the_messages_are_the_applications_but_for_the_id(ask):
    headers = [(b"x-a", b"1"), (b"X-Request-ID", b"theirs"), (b"x-a", b"2")]
    start = {**START, "status": 299, "headers": headers, "trailers": False}
    answer = ask(answering(start, part(b"ab", more=True), part(b""), {"type": "http.response.odd"}))
    first, *rest = answer.sent
    *theirs, (name, _) = first.pop("headers")
    assert (theirs, name) == ([(b"x-a", b"1"), (b"x-a", b"2")], b"x-request-id")
    assert first == {"type": "http.response.start", "status": 299, "trailers": False}
    assert rest == [part(b"ab", more=True), part(b""), {"type": "http.response.odd"}]
    assert len(headers) == 3


def test_the_record_is_there_before_the_last_byte_goes(ask, spool):
    seen = []

    async def send(message):
        seen.append(len(recorded(spool)))

    ask(answering(START, part(b"a", more=True), part(b"b")), send=send)
    assert seen == [0, 0, 1]


def test_a_stream_is_counted_to_its_last_byte(ask, events):
    ask(answering(START, *[part(b"x" * 10, more=True)] * 3, part()))
    (event,) = events()
    assert (event["http.response.body.bytes"], event["event.outcome"]) == (30, "success")


def test_the_time_of_a_stream_ends_with_its_last_byte_and_not_with_what_is_done_afterwards(ask, events):
    waited = []

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"x", more=True))
        await asyncio.sleep(0.02)
        await send(part())
        waited.append(events())
        sealtrail.audit("mail.send", target=("mail", "1"))
        raise KeyError("in the background")

    answer = ask(app)
    assert isinstance(answer.raised, KeyError)
    (during,) = waited[0]
    request, act = events()
    assert during == request
    assert request["event.duration"] >= 20_000_000
    assert (request["event.outcome"], request.get("error.type")) == ("success", None)
    assert act["http.request.id"] == request["http.request.id"]


def test_an_exception_before_the_response_is_a_500_with_its_class(ask, events):
    answer = ask(answering(raising=LookupError("x")))
    assert isinstance(answer.raised, LookupError)
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "LookupError")
    assert event["event.outcome"] == "failure"


def test_an_exception_that_the_framework_answers_and_raises_again_is_one_500_with_its_class(ask, events):
    ask(answering({**START, "status": 500}, part(b"Oops"), raising=LookupError("x")))
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "LookupError")
    assert event["http.response.body.bytes"] == 4
    assert "sealtrail.notes" not in event or "response.broken:200" not in event["sealtrail.notes"]


def test_an_exception_in_mid_stream_is_a_failure_and_not_the_200(ask, events):
    ask(answering(START, part(b"a", more=True), raising=ValueError("half way")))
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "ValueError")
    assert event["http.response.status_code"] == 500
    assert "response.broken:200" in event["sealtrail.notes"]


def test_an_application_that_never_answers_is_a_failure(ask, events):
    ask(answering())
    ask(answering(START))
    never, begun = events()
    assert (never["event.outcome"], never.get("http.response.status_code")) == ("failure", None)
    assert (begun["event.outcome"], begun["http.response.status_code"]) == ("unknown", 200)
    assert {"response.unfinished"} <= set(never["sealtrail.notes"]) & set(begun["sealtrail.notes"])


@pytest.mark.parametrize("raised", [False, True])
def test_a_client_that_goes_away_leaves_an_unknown_outcome(ask, events, raised):
    async def app(scope, receive, send):
        await send(START)
        await send(part(b"a" * 10, more=True))
        assert (await receive())["type"] == "http.disconnect"
        if raised:
            raise ConnectionResetError

    ask(app, inbox=())
    (event,) = events()
    assert (event["event.outcome"], event["http.response.status_code"]) == ("unknown", 200)
    assert "response.unfinished" in event["sealtrail.notes"]
    assert event["http.response.body.bytes"] == 10


def test_an_answer_that_is_sent_on_to_nobody_is_not_a_success(ask, events):
    async def app(scope, receive, send):
        await receive()
        await send(START)
        await send(part(b"a"))

    ask(app, inbox=())
    assert events()[0]["event.outcome"] == "unknown"


def test_a_disconnect_after_the_answer_is_how_every_request_ends(ask, events):
    async def app(scope, receive, send):
        await send(START)
        await send(part(b"a"))
        assert (await receive())["type"] == "http.disconnect"

    ask(app, inbox=())
    assert events()[0]["event.outcome"] == "success"


def test_a_server_that_says_by_an_error_that_nobody_is_there_is_believed(ask, events):
    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    answer = ask(answering(START, part(b"a", more=True), part()), send=send)
    assert isinstance(answer.raised, OSError)
    (event,) = events()
    assert (event["event.outcome"], event["http.response.status_code"]) == ("unknown", 200)


def test_a_request_that_its_server_gives_up_is_no_fault_of_the_application(ask, events):
    answer = ask(answering(START, raising=asyncio.CancelledError()))
    assert isinstance(answer.raised, asyncio.CancelledError)
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("unknown", "asyncio.exceptions.CancelledError")


def test_a_body_without_a_length_is_counted_as_it_is_received(ask, events):
    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send(START)
        await send(part())

    inbox = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": b"de"},
    ]
    ask(app, inbox)
    ask(app, inbox, headers=[(b"content-length", b"7")])
    assert [event["http.request.body.bytes"] for event in events()] == [5, 7]


def test_what_the_server_sends_from_a_file_counts_as_the_headers_say(ask, events):
    sized = {**START, "headers": [(b"content-length", b"1234"), (b"content-type", b"image/png")]}
    ask(answering(sized, {"type": "http.response.pathsend", "path": "/x"}))
    ask(
        answering(
            START,
            {"type": "http.response.zerocopysend", "file": 3, "count": 5, "more_body": True},
            {"type": "http.response.zerocopysend", "file": 3, "count": 6},
        )
    )
    path, zero = events()
    assert (path["http.response.body.bytes"], path["http.response.mime_type"]) == (1234, "image/png")
    assert zero["http.response.body.bytes"] == 11
    assert {path["event.outcome"], zero["event.outcome"]} == {"success"}


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_that_is_not_sent_is_not_missed(ask, events, method, status):
    ask(answering({**START, "status": status}), method=method)
    (event,) = events()
    assert (event["event.outcome"], event["http.response.body.bytes"]) == ("success", 0)


@pytest.mark.parametrize("broken", ["_start", "_last"])
def test_a_fault_of_ours_in_a_message_never_reaches_the_application(ask, made, monkeypatch, broken):
    def fail(*_):
        raise RuntimeError("ours")

    monkeypatch.setattr(asgi_exchange.HttpExchange, broken, fail)
    answer = ask(answering(START, part(b"abc")))
    assert (answer.status, answer.body, answer.raised) == (200, b"abc", None)
    assert made.errors == 1


def test_a_fault_of_ours_in_the_record_never_reaches_the_application(ask, made, monkeypatch):
    def fail(*_):
        raise RuntimeError("ours")

    monkeypatch.setattr(ordinary, "line", fail)
    answer = ask(answering(START, part(b"abc")))
    assert (answer.status, answer.body, answer.raised) == (200, b"abc", None)
    assert made.errors == 1
