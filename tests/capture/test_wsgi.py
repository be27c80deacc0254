from __future__ import annotations

import json
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

import sealtrail
from sealtrail.capture import exchange, ordinary, wsgi
from sealtrail.spool.layout import Block, BlockList, publish_blocks

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


def test_a_request_says_who_what_on_which_object_and_how_it_ended(app: Flask, events) -> None:
    app.test_client().get("/items/7?page=2", headers={"User-Agent": "curl/8"})
    (event,) = events()
    assert event["sealtrail.kind"] == "request"
    assert (event["http.request.method"], event["url.path"], event["url.query"]) == (
        "GET",
        "/items/7",
        "page=2",
    )
    assert (event["http.route"], event["http.response.status_code"]) == ("/items/<number>", 200)
    assert (event["user.id"], event["sealtrail.object.id"], event["sealtrail.object.owner"]) == (
        "u1",
        "7",
        "u2",
    )
    assert (event["http.response.body.bytes"], event["user_agent.original"]) == (len("item 7"), "curl/8")
    assert event["event.duration"] > 0


def test_nobody_signed_in_is_anonymous(app: Flask, events) -> None:
    app.test_client().get("/id")
    assert events()[0]["user.id"] == "anonymous"


def test_an_exception_is_a_500_with_its_class(app: Flask, events) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client().get("/boom")
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "KeyError")
    assert event["event.outcome"] == "failure"


def test_an_exception_that_propagates_is_recorded_and_still_propagates(app: Flask, events) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(KeyError):
        app.test_client().get("/boom")
    assert events()[0]["error.type"] == "KeyError"


def test_a_stream_is_recorded_at_its_last_byte_with_all_its_bytes(app: Flask, events) -> None:
    answer = app.test_client().get("/stream", buffered=False)
    assert events() == []
    assert len(answer.get_data()) == 15
    answer.close()
    assert events()[0]["http.response.body.bytes"] == 15


def test_an_exception_in_mid_stream_is_a_failure_and_not_the_200(app: Flask, events) -> None:
    with pytest.raises(ValueError, match="half way"):
        app.test_client().get("/broken-stream")
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "ValueError")


def test_a_refusal_by_the_application_is_denied_access(app: Flask, events) -> None:
    app.test_client().get("/forbidden")
    (event,) = events()
    assert (event["http.response.status_code"], event["event.outcome"]) == (403, "failure")


def test_the_request_id_is_taken_over_sent_back_and_known_within(app: Flask, events) -> None:
    answer = app.test_client().get("/id", headers={"X-Request-ID": "order-12345678"})
    assert (answer.text, answer.headers["X-Request-ID"]) == ("order-12345678", "order-12345678")
    assert events()[0]["http.request.id"] == "order-12345678"


def test_a_hostile_request_id_is_replaced(app: Flask, events) -> None:
    answer = app.test_client().get("/id", headers={"X-Request-ID": "a b<script>"})
    assert "<" not in answer.headers["X-Request-ID"]
    assert events()[0]["http.request.id"] == answer.headers["X-Request-ID"]


def test_a_trace_is_continued_with_a_span_of_its_own(app: Flask, events) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    app.test_client().get("/id", headers={"traceparent": parent})
    (event,) = events()
    assert (event["trace.id"], event["parent.id"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert event["span.id"] != event["parent.id"]


def test_an_unknown_method_is_other_and_kept_as_it_came(app: Flask, events) -> None:
    app.test_client().open("/items/7", method="BREW")
    (event,) = events()
    assert (event["http.request.method"], event["http.request.method_original"]) == ("_OTHER", "BREW")


def test_a_secret_in_path_query_header_or_form_reaches_no_file(app: Flask, spool: Path) -> None:
    client = app.test_client()
    client.get(f"/items/7?api_key={SECRET}&next={quote('https://x.example/?access_token=' + SECRET)}")
    client.get(
        f"/items/{SECRET}", headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    )
    client.get("/id", headers={"Referer": f"https://x.example/?password={quote(SECRET)}"})
    client.post("/login", data={"name": SECRET, "password": SECRET})
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert written
    assert SECRET.encode() not in written


def test_a_failed_login_keeps_a_keyed_hash_of_the_name(app: Flask, events) -> None:
    for _ in range(2):
        app.test_client().post("/login", data={"name": "alice", "password": "x"})
    failed = [e for e in events() if e["event.action"] == "authn_login_fail"]
    assert {e["event.reason"] for e in failed} == {"bad_password"}
    assert len({e["user.hash"] for e in failed}) == 1
    assert "alice" not in json.dumps(failed)


def test_a_blocked_address_is_refused_before_the_application_runs(app: Flask, events, spool: Path) -> None:
    app.test_client().get("/id")
    now = time.time()
    publish_blocks(spool, BlockList(written=now, blocks=(Block("203.0.113.9", now + 60, "b1"),)))
    end = time.monotonic() + 10
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    while (answer := app.test_client().get("/items/7", headers=forwarded)).status_code != 403:
        assert time.monotonic() < end
    refused = events()[-1]
    assert (refused["sealtrail.own"], refused["client.ip"]) == (True, "203.0.113.9")
    assert "sealtrail.object.id" not in refused
    assert app.test_client().get("/items/7").status_code == 200
    assert answer.headers["X-Request-ID"]


def test_nothing_is_refused_when_the_spool_cannot_be_written(app: Flask, spool: Path) -> None:
    spool.write_text("a file where the folder should be")
    assert app.test_client().get("/items/7").text == "item 7"


PLAIN = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "RAW_URI": "/a"}


def begin(made, body):
    """The body of an answer as a server has it, before it draws anything."""
    return wsgi.WsgiCapture(answering(body), made)(dict(PLAIN), lambda *_: None)


def serve(made, app, draw=None, **environ):
    """One request as a server makes it: (status, headers, body). `draw` parts are drawn, None for all."""
    sent = {}

    def start_response(status, headers, exc_info=None):
        sent.update(status=status, headers=headers)
        return written.append

    written = []
    whole = {**PLAIN, "REMOTE_ADDR": "203.0.113.9", **environ}
    answer = wsgi.WsgiCapture(app, made)(whole, start_response)
    try:
        parts = list(islice(answer, draw))
    finally:
        getattr(answer, "close", lambda: None)()
    return sent["status"], dict(sent["headers"]), b"".join((*written, *parts))


class Body:
    """Closes with a note; raises where it is told to."""

    def __init__(self, parts, close=None):
        self.parts = iter(parts)
        self.closed = False
        self._close = close

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        self.closed = True
        if self._close is not None:
            raise self._close


def answering(body, status="200 OK", headers=()):
    def app(environ, start_response):
        start_response(status, list(headers))
        return body

    return app


def test_the_response_is_the_applications_but_for_the_id(made) -> None:
    body = Body([b"ab", b"", b"c"])
    given = [("X-A", "1"), ("x-request-id", "theirs")]
    status, headers, data = serve(made, answering(body, "299 Odd", given))
    assert (status, data, headers.pop("X-A")) == ("299 Odd", b"abc", "1")
    assert list(headers) == ["X-Request-ID"]
    assert body.closed


def test_a_list_of_headers_that_the_application_keeps_is_not_touched(made) -> None:
    headers = [("X-A", "1")]

    def app(environ, start_response):
        start_response("200 OK", headers)
        return []

    serve(made, app)
    serve(made, app)
    assert headers == [("X-A", "1")]


def test_a_body_that_tells_its_length_still_tells_it(made, events) -> None:
    answer = begin(made, [b"abc"])
    assert len(answer) == 1
    assert list(answer) == [b"abc"]
    answer.close()
    assert events()[0]["http.response.body.bytes"] == 3
    streamed = begin(made, iter([b"abc"]))
    assert not hasattr(streamed, "__len__")
    streamed.close()


def test_the_old_way_of_writing_is_counted(made, events) -> None:
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"abc")
        return [b"de"]

    assert serve(made, app)[2] == b"abcde"
    assert events()[0]["http.response.body.bytes"] == 5


def test_a_response_that_is_started_again_after_an_error_counts_as_the_second(made, events) -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        try:
            int("x")
        except ValueError:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
        return []

    assert serve(made, app)[0] == "500 Oops"
    (event,) = events()
    assert (event["http.response.status_code"], event["http.response.mime_type"]) == (500, "text/plain")


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_the_application_raises_passes_and_is_recorded(made, events, error) -> None:
    def app(environ, start_response):
        raise error

    with pytest.raises(type(error)):
        serve(made, app)
    assert events()[0]["error.type"] == type(error).__name__
    assert events()[0]["http.response.status_code"] == 500


def test_an_error_while_closing_passes_and_is_recorded(made, events) -> None:
    with pytest.raises(ValueError, match="closing"):
        serve(made, answering(Body([b"a"], ValueError("closing"))))
    assert events()[0]["error.type"] == "ValueError"
    assert events()[0]["sealtrail.notes"] == ["response.broken:200"]


def test_a_client_that_goes_away_leaves_an_unknown_outcome(made, events) -> None:
    body = Body([b"ab", b"cd"])
    serve(made, answering(body), draw=1)
    (event,) = events()
    assert body.closed
    assert (event["event.outcome"], event["http.response.body.bytes"]) == ("unknown", 2)
    assert event["sealtrail.notes"] == ["response.unfinished"]


@pytest.mark.parametrize(
    ("status", "headers", "method"),
    [("204 No Content", [], "GET"), ("200 OK", [("Content-Length", "0")], "GET"), ("200 OK", [], "HEAD")],
)
def test_a_server_need_not_draw_a_body_that_is_not_sent(made, events, status, headers, method) -> None:
    serve(made, answering(Body([b"ab"]), status, headers), draw=0, REQUEST_METHOD=method)
    (event,) = events()
    assert event["event.outcome"] == "success"
    assert event["http.response.body.bytes"] == 0


def test_a_mounted_application_is_recorded_once(made, events) -> None:
    inner = wsgi.WsgiCapture(answering([b"x"]), made)
    assert serve(made, inner)[2] == b"x"
    assert len(events()) == 1


def test_a_body_that_nobody_closes_is_recorded_when_the_next_request_begins(made, events) -> None:
    answer = begin(made, iter([b"x"]))
    assert list(answer) == [b"x"]
    del answer
    assert events() == []
    begin(made, iter([b"y"])).close()
    assert len(events()) == 2


def test_the_context_ends_with_its_request_also_when_bodies_overlap(made) -> None:
    first = begin(made, iter([b"x"]))
    second = begin(made, iter([b"y"]))
    current = sealtrail.request_id()
    first.close()
    assert sealtrail.request_id() == current
    second.close()
    assert sealtrail.request_id() != current


def test_a_body_may_be_closed_by_another_thread(made, events) -> None:
    thread = threading.Thread(target=begin(made, iter([b"x"])).close)
    thread.start()
    thread.join()
    assert len(events()) == 1


@pytest.mark.parametrize("part", ["exchange", "blocks", "record", "head"])
def test_a_fault_of_ours_never_reaches_the_application(made, monkeypatch, part) -> None:
    def broken(*_, **__):
        raise RuntimeError("ours")

    if part == "exchange":
        monkeypatch.setattr(exchange, "new_ids", broken)
    elif part == "blocks":
        monkeypatch.setattr(made.blocks, "find", broken)
    elif part == "record":
        monkeypatch.setattr(ordinary, "line", broken)
    else:
        monkeypatch.setattr(wsgi.WsgiCapture.__init__, "__defaults__", (broken,))  # of the route
    status, _, data = serve(made, answering([b"abc"]))
    assert (status, data) == ("200 OK", b"abc")
    assert made.errors == 1


def test_a_refusal_is_answered_in_the_applications_place(made, events, spool: Path) -> None:
    now = time.time()
    spool.mkdir(exist_ok=True)
    publish_blocks(spool, BlockList(now, (Block("203.0.113.9", now + 60, "b1"),)))

    def app(environ, start_response):
        raise AssertionError("must not run")

    status, headers, data = serve(made, app)
    assert status == "403 Forbidden"
    assert json.loads(data) == {"error": "blocked", "request_id": headers["X-Request-ID"]}
    assert int(headers["Content-Length"]) == len(data)
    assert serve(made, app, REQUEST_METHOD="HEAD")[2] == b""
    expected = {
        "sealtrail.own": True,
        "event.type": ["access", "denied"],
        "event.outcome": "failure",
        "http.response.status_code": 403,
        "sealtrail.policy.decision": "deny",
        "sealtrail.policy.rule": "block:b1",
        "client.ip": "203.0.113.9",
    }
    assert {name: events()[0].get(name) for name in expected} == expected


def test_a_request_within_a_request_gives_the_outer_one_back(made, events) -> None:
    seen = []

    def outer(environ, start_response):
        seen.append(sealtrail.request_id())
        begin(made, [b"inner"]).close()
        seen.append(sealtrail.request_id())
        start_response("200 OK", [])
        return [b"outer"]

    serve(made, outer)
    assert seen[0] == seen[1]
    assert sealtrail.request_id() == ""
    assert len(events()) == 2
