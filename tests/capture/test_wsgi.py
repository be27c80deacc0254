from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from sealtrail.capture import blocks, exchange, ids, recorder, wsgi  # noqa: F401 - what these tests exercise
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
