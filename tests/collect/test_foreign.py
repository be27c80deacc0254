from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.foreign import (
    adapt,
    completed,
    event_id,
    fitted,
    read_object,
    scrubbed,
    sealed_form,
)
from sealtrail.errors import EventError
from sealtrail.event import canonical, check, decode, is_canonical
from sealtrail.event.limits import MAX_LINE_BYTES

WHEN = "2026-11-24T08:00:00.000000Z"


def test_nested_and_dotted_names_give_the_same_fields():
    nested = read_object(b'{"@timestamp":"2026-11-24T08:00:00Z","http":{"response":{"status_code":200}}}')
    dotted = read_object(b'{"@timestamp":"2026-11-24T08:00:00Z","http.response.status_code":200}')
    assert nested == dotted == {"@timestamp": WHEN, "http.response.status_code": 200}


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("@timestamp", "2026-11-24T09:00:00+01:00", WHEN),
        ("@timestamp", "2026-11-24t08:00:00z", WHEN),
        ("@timestamp", "2026-11-24 03:00:00,000-0500", WHEN),
        ("@timestamp", "2026-11-24T08:00:00.123456789Z", "2026-11-24T08:00:00.123456Z"),
        ("@timestamp", [WHEN], WHEN),
        ("user.id", 42, "42"),
        ("user.id", ["u1"], "u1"),
        ("user.id", True, "true"),
        ("event.category", "web", ["web"]),
        ("event.category", ["web", 1], ["web", "1"]),
        ("http.response.status_code", "200", 200),
        ("http.response.status_code", 200.0, 200),
        ("http.response.status_code", "9999999999999999", "9999999999999999"),
        ("sealtrail.auth.mfa", "true", True),
        ("sealtrail.details", {"a": None}, {"a": None}),
        ("labels.anything", ["as", "it", 1], ["as", "it", 1]),
    ],
)
def test_values_are_taken_as_elasticsearch_would_take_them(name: str, value: Any, kept: Any):
    assert adapt({name: value}) == {name: kept}


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T08:00:00",
        "24.11.2026",
        1764000000,
        "2026-13-24T08:00:00Z",
        "0001-01-01T00:00:00+23:59",
        {},
    ],
)
def test_a_time_that_could_be_meant_in_two_ways_is_refused(value: Any):
    with pytest.raises(EventError) as caught:
        adapt({"event.start": value})
    assert (caught.value.code, caught.value.path) == ("event.type", "$.event.start")


def test_null_counts_as_absent():
    assert adapt({"user.id": None, "labels.x": None}) == {}


@pytest.mark.parametrize("name", ["event.ingested", "sealtrail.source"])
def test_a_key_of_the_collector_is_refused(name: str):
    with pytest.raises(EventError) as caught:
        adapt({name: "x"})
    assert (caught.value.code, caught.value.path) == ("event.collector-key", f"$.{name}")


def test_identity_kind_and_action_are_filled_in_and_nothing_given_is_changed():
    filled = completed({"@timestamp": WHEN, "http.request.method": "GET"}, "file-x-0", 7)
    assert filled["sealtrail.emitter"] == "file-x-0"
    assert filled["sealtrail.seq"] == 7
    assert filled["sealtrail.kind"] == "request"
    assert filled["event.action"] == "http.request"
    assert filled["sealtrail.notes"] == ["event.action:filled"]
    check(filled)
    assert completed(filled, "other", 8) == filled
    assert completed({"@timestamp": WHEN, "message": "x"}, "e", 0)["event.action"] == "log.record"
    own = completed({"@timestamp": WHEN, "sealtrail.emitter": "mine"}, "e", 3)
    assert (own["sealtrail.emitter"], own["sealtrail.seq"]) == ("mine", 3)


def test_a_time_is_never_made_up():
    with pytest.raises(EventError) as caught:
        sealed_form({"message": "x"}, "e", 0)
    assert (caught.value.code, caught.value.path) == ("event.missing", "$.@timestamp")


@given(
    st.datetimes(min_value=datetime(1970, 1, 1)),  # noqa: DTZ001
    st.text(st.characters(codec="ascii"), max_size=80),
    st.integers(0, 2**53),
)
def test_an_event_id_is_a_version_7_uuid_of_its_time(moment: Any, emitter: str, seq: int):
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    made = uuid.UUID(event_id(text, emitter, seq))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    assert event_id(text, emitter, seq) == str(made)
    assert event_id(text, emitter, seq + 1) != str(made)


SECRET = "Tr0ub4dor-and-3"


def everywhere(secret: str) -> dict[str, Any]:
    return {
        "@timestamp": WHEN,
        "url.original": f"/login?user=a&password={secret}",
        "url.query": f"user=a&password={secret}",
        "http.request.referrer": f"https://x.example/?access_token={secret}",
        "message": f"password={secret}",
        "error.message": f'{{"password": "{secret}"}}',
        "sealtrail.details": {"list": [{"api_key": secret}]},
        "sealtrail.change": [{"path": "x", "new": {"password": secret}}],
        "password": secret,
        "labels.client_secret": secret,
        "http.request.headers.authorization": [f"Bearer {secret}"],
        "tags": [f"token={secret}"],
    }


def test_a_secret_under_a_telling_name_survives_in_no_field_and_is_noted():
    line, fields = sealed_form(everywhere(SECRET), "e", 0)
    assert SECRET.encode() not in line
    noted = {note.partition(":")[0].split(".*")[0] for note in fields["sealtrail.redacted"]}
    for name in ("url.query", "url.original", "http.request.referrer", "message", "password"):
        assert name in noted
    assert "user=a" in fields["url.query"]


def test_scrubbing_twice_gives_what_scrubbing_once_gave():
    once = scrubbed(everywhere(SECRET))
    assert scrubbed(once) == once


def test_an_address_is_the_name_of_a_user_and_no_leak():
    fields = scrubbed(
        {
            "user.name": "a@example.com",
            "user_agent.original": "bot (+a@example.com)",
            "message": "a@example.com",
        }
    )
    assert fields["user.name"] == "a@example.com"
    assert fields["user_agent.original"] == "bot (+a@example.com)"
    assert "a@example.com" not in fields["message"]


def test_a_text_longer_than_what_is_looked_at_is_cut_with_a_note():
    fields = scrubbed({"message": "x" * 20_000, "labels.a": {"b": ["y" * 20_000]}})
    assert len(fields["message"]) < 20_000
    assert fields["sealtrail.truncated"] == ["message", "labels.a"]


def test_an_event_too_long_for_an_entry_is_cut_with_a_note():
    hostile = "\x00" * 16_000
    line, fields = fitted(
        {"url.original": hostile, "url.path": hostile, "url.query": hostile, "message": "short"}
    )
    assert len(line) <= MAX_LINE_BYTES
    assert fields["message"] == "short"
    assert fields["sealtrail.truncated"] == ["url.original", "url.path", "url.query"]
    assert canonical(fields) == line
    with pytest.raises(EventError) as caught:
        fitted({f"labels.{n}": "x" * 100 for n in range(1000)})
    assert caught.value.code == "event.too-long"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "@timestamp",
        "user.id",
        "event.category",
        "message",
        "url.query",
        "event.action",
        "sealtrail.seq",
        "sealtrail.emitter",
        "labels.x",
        "http",
        "tags",
        "sealtrail.details",
    ]
)


@given(st.dictionaries(names, json_values, max_size=6))
def test_any_object_becomes_a_canonical_checked_event_or_an_error_with_a_path(value: dict[str, Any]):
    try:
        line, fields = sealed_form(read_object(json.dumps({"@timestamp": WHEN, **value}).encode()), "e", 0)
    except EventError as error:
        assert error.path.startswith("$")
        return
    assert decode(line) == fields
    assert is_canonical(line, decode(line))
    check(fields)
