import json

import pytest

import sealtrail
from sealtrail.capture.context import current
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_environ
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch import watched


@pytest.fixture
def begun(made):
    def begun(wanted=True, **environ):
        head = of_environ({"REQUEST_METHOD": "POST", "PATH_INFO": "/a", "RAW_URI": "/a", **environ})
        call = Exchange(made, head)
        call.status, call.ended = 200, call.began + 1
        call.enter()
        return call, watched(call, Plan(wanted))

    return begun


def test_what_the_application_says_of_its_answer_counts(begun, events):
    call, watch = begun()
    sealtrail.responded(fields=["id"], count=100)
    watch.answers([("Content-Type", "application/json")])
    watch.said(b'[{"a": 1}]')
    call.finish()
    (event,) = events()
    assert event["sealtrail.response.fields"] == ["id"]
    assert event["sealtrail.response.count"] == 100


def test_a_body_that_is_not_what_it_says_is_noted_once_it_was_read_whole(begun, events):
    for length, body in (("6", b"[1,2,x"), ("600", b"[1,2,x"), ("3", b"[1]")):
        call, watch = begun(CONTENT_TYPE="application/json", CONTENT_LENGTH=length)
        watch.heard(body)
        call.finish()
    assert [e.get("sealtrail.notes") for e in events()] == [["request.unreadable"], None, None]


def test_a_body_that_is_compressed_is_not_looked_at_and_that_is_noted(begun, events):
    plan = Plan(True)
    for mime, encoding in (
        ("application/json", "gzip"),
        ("image/png", "gzip"),
        ("application/json", "identity"),
    ):
        call, _ = begun(CONTENT_TYPE=mime)
        watch = watched(call, plan, encoding)
        watch.heard(b'{"a": 1}')
        watch.answers([("Content-Type", mime), ("Content-Encoding", encoding)])
        watch.said(b'{"b": 1}')
        call.finish()
    found = [(e.get("sealtrail.notes"), e.get("sealtrail.request.fields")) for e in events()]
    assert found == [(["request.encoded", "response.encoded"], None), (None, None), (None, ["a"])]


def test_what_was_cut_says_so(begun, events):
    call, watch = begun(CONTENT_TYPE="application/json")
    rows = [{f"{a}{b}": 1} for a in "abcdefghij" for b in "klmnopqrst"]
    watch.answers([(b"content-type", b"application/json")])
    watch.heard(json.dumps(rows).encode())
    watch.said(json.dumps(rows).encode())
    call.finish()
    (event,) = events()
    assert event["sealtrail.truncated"] == ["sealtrail.request.fields", "sealtrail.response.fields"]
    assert len(event["sealtrail.request.fields"]) == len(event["sealtrail.response.fields"]) == 64


def test_only_what_is_wanted_is_looked_at(begun, events):
    for wanted in ({"request"}, {"response"}):
        call, watch = begun(wanted, CONTENT_TYPE="application/json", QUERY_STRING="q=1", RAW_URI="/a?q=1")
        watch.answers([("Content-Type", "application/json")])
        watch.heard(b'{"in": 1}')
        watch.said(b'{"out": []}')
        call.finish()
    first, second = events()
    assert first["sealtrail.request.fields"] == ["q", "in"]
    assert "sealtrail.response.fields" not in first
    assert "sealtrail.request.fields" not in second
    assert (second["sealtrail.response.fields"], second["sealtrail.response.count"]) == (["out"], 0)


def test_a_fault_of_ours_costs_the_names_and_not_the_record(begun, made, events):
    call, watch = begun(CONTENT_TYPE="application/json")
    watch.answers([("Content-Type", "application/json")])
    watch.heard(None)
    watch.said(7)
    watch.request = object()
    call.finish()
    assert made.errors == 3
    assert len(events()) == 1


def test_an_exchange_that_nobody_holds_is_recorded_at_once(begun, events):
    call, watch = begun()
    current.set(None)
    del call
    assert len(events()) == 1
    assert watch.response is None
