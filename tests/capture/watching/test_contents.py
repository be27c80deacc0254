import json

import pytest
from flask import Flask, request

import sealtrail
from sealtrail.flask import Sealtrail

REQUEST, RESPONSE = "http.request.body.content", "http.response.body.content"
SECRET = "Tr0ub4dor-3xk9"


def asked(spool, fields=("request_body", "response_body"), answer=lambda: {"ok": True}):
    app = Flask("bodies")
    Sealtrail(app, service="bodies", spool=spool, api_fields=fields)

    @app.post("/a")
    def post():
        request.get_data()
        return answer()

    return app.test_client()


def test_bodies_are_recorded_without_their_secrets_where_they_are_asked_for(spool, events):
    client = asked(spool, answer=lambda: {"token": SECRET, "page": 2})
    sent = {
        "user": {"password": SECRET, "mail": "a@b.de"},
        "cards": ["4111111111111111"],
        "n": 4111111111111111,
    }
    client.post("/a", json=sent).close()
    (event,) = events()
    assert json.loads(event[REQUEST]) == {
        "user": {"password": "[redacted:password]", "mail": "[redacted:email]"},
        "cards": ["[redacted:card-number]"],
        "n": "[redacted:card-number]",
    }
    assert json.loads(event[RESPONSE]) == {"token": "[redacted:token]", "page": 2}
    assert f"{REQUEST}.user.password:password" in event["sealtrail.redacted"]
    assert "sealtrail.request.fields" not in event


def test_a_form_is_recorded_as_a_query_is(spool, events):
    asked(spool).post("/a", data={"name": "x", "password": SECRET}).close()
    assert events()[0][REQUEST] == "name=x&password=[redacted:password]"


def test_bodies_without_a_secret_are_recorded_as_they_are(spool, events):
    client = asked(spool)
    for _ in range(2):
        client.post("/a", json={"a": ["\u00e9\u2028", 1, None]}).close()
    assert [json.loads(event[REQUEST]) for event in events()] == [{"a": ["\u00e9\u2028", 1, None]}] * 2
    assert [event[RESPONSE] for event in events()] == ['{"ok":true}'] * 2


@pytest.mark.parametrize("fields", [True, False, ("request", "response")])
def test_nothing_of_a_body_is_recorded_that_was_not_asked_for(spool, events, fields):
    asked(spool, fields).post("/a", json={"a": 1}).close()
    assert not {REQUEST, RESPONSE} & set(events()[0])


@pytest.mark.parametrize(
    ("given", "truncated"),
    [
        (
            {"data": b"[" + b'"%b",' % SECRET.encode() * 6000 + b"1]", "content_type": "application/json"},
            True,
        ),
        ({"data": b'{"password": "' + SECRET.encode(), "content_type": "application/json"}, False),
        ({"data": SECRET, "content_type": "text/plain"}, False),
        ({"data": {"file": (__file__, "a.txt")}, "content_type": "multipart/form-data"}, True),
    ],
)
def test_what_cannot_be_looked_at_whole_is_not_recorded(spool, events, given, truncated):
    asked(spool).post("/a", **given).close()
    (event,) = events()
    assert REQUEST not in event
    assert (REQUEST in event.get("sealtrail.truncated", ())) is truncated
    assert SECRET not in json.dumps(event)


def test_what_is_long_is_cut_and_says_so(spool, events):
    asked(spool).post("/a", json={f"k{n}": "word " * 100 for n in range(40)}).close()
    (event,) = events()
    assert 1000 < len(event[REQUEST]) <= 8192
    assert REQUEST in event["sealtrail.truncated"]


def test_the_application_says_which_part_matters(spool, events):
    def answer():
        sealtrail.bodies(request={"plan": "gold", "pin": "4821"}, response=f"done, password={SECRET}")
        return {"token": SECRET}

    for fields in (False, ("request_body", "response_body")):
        asked(spool, fields, answer).post("/a", json={"all": "of it"}).close()
    for event in events():
        assert event[REQUEST] == '{"plan":"gold","pin":"[redacted:pin]"}'
        assert event[RESPONSE] == "done, password=[redacted:password]"


def test_outside_of_a_request_and_with_foreign_values_nothing_is_raised(spool, events):
    class Odd:
        def __repr__(self):
            raise RuntimeError

    sealtrail.bodies(request={"a": 1})

    def answer():
        sealtrail.bodies(request={"odd": Odd(), "surrogate": "\ud800"}, response=float("nan"))
        return "ok"

    asked(spool, False, answer).post("/a").close()
    assert "unprintable" in events()[0][REQUEST]
