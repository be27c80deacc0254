"""Claims about events, and what they say when they do not hold."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.testing import assert_event, assert_no_event, assert_no_secret

SECRET = "correct horse/battery+staple"
EVENTS = [
    {"event.action": "invoice.delete", "event.outcome": "success", "user.id": "u1", "user.roles": ["admin"]},
    {"event.action": "invoice.delete", "event.outcome": "failure", "http.response.status_code": 403},
]


def test_the_first_event_that_fits_is_returned():
    assert assert_event(EVENTS, "invoice.delete") is EVENTS[0]
    assert assert_event(EVENTS, action="invoice.delete", outcome="failure") is EVENTS[1]
    assert assert_event(EVENTS, user_roles=("admin",), user_id=re.compile("^u")) is EVENTS[0]
    assert assert_event(EVENTS, status=403) is EVENTS[1]
    assert (
        assert_event(EVENTS, http_response_status_code=..., fields={"event.outcome": "failure"}) is EVENTS[1]
    )
    assert assert_event(EVENTS, "invoice.delete", count=2) is EVENTS[0]


def test_the_message_shows_the_nearest_event_and_where_it_differs():
    with pytest.raises(AssertionError) as raised:
        assert_event(EVENTS, "invoice.delete", "failure", status=401)
    assert str(raised.value) == (
        "expected an event with event.action='invoice.delete', event.outcome='failure', "
        "http.response.status_code=401, found 0; the nearest first:\n"
        "  invoice.delete (failure): http.response.status_code=403\n"
        "  invoice.delete (success): event.outcome='success', no http.response.status_code"
    )


def test_without_any_event_it_says_so():
    with pytest.raises(AssertionError, match="no event was written"):
        assert_event([], "x")


def test_the_number_of_events_counts():
    with pytest.raises(AssertionError, match=r"expected 3 events .* found 2"):
        assert_event(EVENTS, "invoice.delete", count=3)
    with pytest.raises(ValueError, match="assert_no_event"):
        assert_event(EVENTS, "invoice.delete", count=0)


def test_true_is_not_one():
    with pytest.raises(AssertionError):
        assert_event([{"sealtrail.auth.mfa": True}], auth_mfa=1)


def test_a_name_of_no_field_is_a_mistake_of_the_test():
    with pytest.raises(TypeError, match="did you mean user_id"):
        assert_event(EVENTS, userid="u1")
    with pytest.raises(TypeError, match="an action, an outcome or a field"):
        assert_event(EVENTS)


def test_an_event_that_must_not_be_is_named():
    assert_no_event(EVENTS, "invoice.create")
    with pytest.raises(AssertionError, match=r"found 1: invoice\.delete"):
        assert_no_event(EVENTS, user_id="u1")


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"x={quote(SECRET, safe='')}",
        quote(quote(SECRET, safe=""), safe=""),
        json.dumps(json.dumps({"a": SECRET})),
        base64.b64encode(f"ann:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{SECRET}".encode()).decode(),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_found_in_every_form_and_not_repeated(text):
    with pytest.raises(AssertionError) as raised:
        assert_no_secret(
            [{"event.action": "a.b", "sealtrail.details": {"list": ["x", text]}}], "other", SECRET
        )
    assert str(raised.value).startswith(
        "secret 2 of 2 stands in event 0 (a.b), in sealtrail.details.list[1], "
    )
    assert SECRET not in str(raised.value)


def test_a_secret_is_found_in_names_and_numbers():
    with pytest.raises(AssertionError):
        assert_no_secret([{"sealtrail.details": {f"x {SECRET}": 1}}], SECRET)
    with pytest.raises(AssertionError):
        assert_no_secret([{"process.pid": 424299991}], "424299991")


@given(st.text(min_size=4), st.text(), st.text())
def test_a_secret_is_found_wherever_it_stands_in_base64(secret, before, after):
    raw = (before + secret + after).encode("utf-8", "replace")
    if "?" in secret or len(secret.encode("utf-8", "replace")) < 8:
        return
    with pytest.raises(AssertionError):
        assert_no_secret([{"message": base64.b64encode(raw).decode()}], secret)


def test_clean_events_pass_and_a_search_for_nothing_is_refused():
    assert_no_secret(EVENTS, SECRET)
    with pytest.raises(ValueError, match="at least 4"):
        assert_no_secret(EVENTS, "abc")
    with pytest.raises(ValueError, match="no secret"):
        assert_no_secret(EVENTS)
