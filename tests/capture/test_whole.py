from __future__ import annotations

import pytest
from flask import Flask

import sealtrail
from sealtrail.capture import policies, recorder
from sealtrail.capture.recorder import ChoosingRecorder, Recorder
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail
from sealtrail.scrub.policy import keyed

KEY = b"k"
FIELDS = {
    "user.name": "hmac",
    "client.ip": "drop",
    "user_agent.original": "replace",
    "user.roles": "mask",
    "url.*": "drop",
    "sealtrail.details.*": "hmac",
    "sealtrail.details.note": "drop",
    "sealtrail.details.kept": "keep",
    "sealtrail.change.ssn": "drop",
    "acme.region": "replace",
}


@pytest.fixture(autouse=True)
def _own_policy(monkeypatch):
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setenv("SEALTRAIL_PSEUDONYM_KEY", KEY.decode())
    yield
    policies.forget()


def mark(value, rule="field"):
    return f"[redacted:{rule}:{keyed(KEY, value)}]"


@pytest.fixture
def made(spool):
    made = recorder.configured("shop", spool=spool, scrub={"fields": FIELDS})
    yield made
    made.spool.close()


def test_a_request_is_written_without_the_chosen_fields(spool, events, made):
    app = Flask("tested")
    Sealtrail(app, service="shop", spool=spool)

    @app.get("/orders")
    def orders():
        sealtrail.actor("u1", user_name="Alice", roles=["clerk", "boss"])
        return "ok"

    for _ in range(2):
        app.test_client().get("/orders?page=2").close()
    assert len(events()) == 2
    for event in events():
        assert event["user.id"] == "u1"
        assert event["user.name"] == mark("Alice")
        assert event["user.roles"] == ["[redacted:field]", "[redacted:field]"]
        assert event["user_agent.original"] == "[redacted:field]"
        assert event["http.route"] == "/orders"
        assert not {"client.ip", "url.original", "url.path", "url.query"} & set(event)
        assert {"client.ip:field", "url.path:field", "user.name:field"} <= set(event["sealtrail.redacted"])


def test_details_and_changes_go_by_their_path(made, events):
    given = {
        "mail": "a@b.de",
        "page": 2,
        "note": "free",
        "kept": {"mail": "a@b.de"},
        "deep": {"rows": [1, "x", None]},
    }
    before = repr(given)
    assert sealtrail.audit(
        "user.update",
        details=given,
        change=[("ssn", "078-05-1123", "078-05-1124"), ("name", "a", "b")],
        fields={"acme.region": "eu", "acme.page": 7},
    )
    (event,) = events()
    assert event["sealtrail.details"] == {
        "mail": mark("a@b.de", "email"),  # what a rule found is hashed by itself, and so it stays comparable
        "page": mark("2"),
        "note": "",
        "kept": {"mail": "a@b.de"},
        "deep": {"rows": [mark("1"), mark("x"), None]},
    }
    assert event["sealtrail.change"] == [
        {"path": "ssn", "old": "", "new": ""},
        {"path": "name", "old": "a", "new": "b"},
    ]
    assert (event["acme.page"], event["acme.region"]) == (7, "[redacted:field]")
    assert {"sealtrail.details.page:field", "acme.region:field"} <= set(event["sealtrail.redacted"])
    assert repr(given) == before


def test_without_a_field_to_let_go_nothing_is_looked_at(spool):
    plain = recorder.configured("shop", spool=spool, scrub={"fields": {"url.query": "keep"}, "mode": "drop"})
    assert type(plain) is Recorder
    plain.spool.close()


def test_a_field_that_is_kept_is_not_scrubbed(spool, events):
    made = recorder.configured("shop", spool=spool, scrub={"fields": {"sealtrail.details.*": "keep"}})
    assert sealtrail.audit("user.update", details={"pin": "4821"}, reason="pin=4821")
    assert events()[0]["sealtrail.details"] == {"pin": "4821"}
    assert events()[0]["event.reason"] == "pin=[redacted:pin]"
    made.spool.close()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"event.id": "drop"}, "do without"),
        ({"sealtrail.seq": "drop"}, "do without"),
        ({"client.ip": "hmac"}, "can be dropped"),
        ({"http.response.status_code": "mask"}, "can be dropped"),
    ],
)
def test_a_field_that_cannot_go_in_that_way_is_refused(spool, fields, why):
    with pytest.raises(UsageError) as caught:
        recorder.configured("shop", spool=spool, scrub={"fields": fields})
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("user.nme", "user.name"),
        ("client_ip", "client.ip"),
        ("url.querry", "url.query"),
        ("sealtrail.detials", "sealtrail.details"),
        ("sealtrail.sesion.*", "sealtrail.session.hash"),
        ("sealtrail.x", ""),
    ],
)
def test_a_misspelt_field_is_refused_and_the_nearest_is_named(spool, name, meant):
    with pytest.raises(UsageError, match="there is no field") as caught:
        recorder.configured("shop", spool=spool, scrub={"fields": {name: "drop"}})
    assert (f"is {meant!r} meant" if meant else "there is no field 'sealtrail.x'") in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "user",
        "url.*",
        "*",
        "*.ip",
        "acme.region",
        "region",
        "client.id*",
        "sealtrail.change.ssn",
    ],
)
def test_a_field_that_may_be_there_is_taken(name):
    assert policies.read({"fields": {name: "drop"}}, "scrub").fields == {name: "drop"}


def test_a_pattern_leaves_what_no_event_can_do_without(spool, events):
    made = recorder.configured("shop", spool=spool, scrub={"fields": {"*": "drop"}})
    assert isinstance(made, ChoosingRecorder)
    assert sealtrail.audit("user.update", details={"a": 1})
    (event,) = events()
    assert event["event.action"] == "user.update"
    assert "user.id" not in event
    made.spool.close()


def test_what_could_not_be_left_out_is_not_written(made, events, monkeypatch):
    def failing(*_):
        raise MemoryError

    monkeypatch.setattr(recorder.whole, "apply", failing)
    assert not sealtrail.audit("user.update")
    assert events() == []
    assert made.errors == 1
