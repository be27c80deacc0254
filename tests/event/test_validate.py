"""What every event must carry, and what only the collector may write."""

from __future__ import annotations

import pytest

from sealtrail.errors import EventError
from sealtrail.event.fields import FIELDS, KINDS
from sealtrail.event.limits import MAX_EMITTER, MAX_SEQ
from sealtrail.event.validate import check, is_reserved, kind_of

_GOOD = {
    "keyword": "text",
    "text": "text",
    "ip": "203.0.113.9",
    "keywords": ["a", "b"],
    "time": "2026-11-24T08:00:00Z",
    "long": 7,
    "bool": True,
    "json": {"any": ["thing"]},
}
_BAD = {
    "keyword": [7, None, ["a"], {"a": 1}, True],
    "text": [7, None, ["a"]],
    "ip": [7, None],
    "keywords": ["a", [1], ["a", None], {"a": 1}, None],
    "time": ["yesterday", 1764000000, "2026-11-24 08:00:00Z", "2026-11-24T08:00:00+00:00", None],
    "long": [1.0, "7", True, None],
    "bool": [0, 1, "true", None],
    "json": [],
}


def refusal(fields, **options) -> EventError:
    with pytest.raises(EventError) as caught:
        check(fields, **options)
    return caught.value


@pytest.mark.parametrize("kind", ["request", "outbound", "authentication", "audit"])
def test_a_producer_may_send_events_of_the_open_kinds(kind, events):
    check(events[kind])
    assert kind_of(events[kind]) == kind
    assert not is_reserved(events[kind])


@pytest.mark.parametrize("kind", ["alert", "system"])
def test_reserved_kinds_are_refused_from_producers_and_taken_from_the_collector(kind, events):
    assert refusal(events[kind]).code == "event.reserved-kind"
    check(events[kind], reserved=True)


@pytest.mark.parametrize(
    "disguise",
    [
        {"event.kind": "alert"},
        {"event.action": "sealtrail.block"},
        {"event.action": "sealtrail."},
        {"sealtrail.kind": "system"},
        {"sealtrail.kind": "alert"},
    ],
)
def test_no_disguise_makes_a_reserved_event_pass(disguise, events):
    for kind in ("request", "authentication", "audit"):
        fields = {**events[kind], **disguise}
        assert refusal(fields).code == "event.reserved-kind"
        del fields["sealtrail.kind"]
        if is_reserved(fields):
            assert refusal(fields).code == "event.reserved-kind"
    assert is_reserved({**events["audit"], **disguise})


@pytest.mark.parametrize("name", ["event.ingested", "sealtrail.source"])
def test_the_collectors_keys_are_refused_from_everybody(name, events):
    fields = {**events["request"], name: "2026-11-24T08:00:00Z"}
    for reserved in (False, True):
        error = refusal(fields, reserved=reserved)
        assert (error.code, error.path) == ("event.collector-key", f"$.{name}")


@pytest.mark.parametrize(
    "name", ["@timestamp", "event.id", "event.action", "sealtrail.emitter", "sealtrail.seq"]
)
def test_a_field_that_every_event_has_is_missed_by_name(name, events):
    fields = events["audit"]
    del fields[name]
    error = refusal(fields)
    assert (error.code, error.path) == ("event.missing", f"$.{name}")


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"event.ingested", "sealtrail.source"}))
def test_each_field_is_held_to_its_type(name, events):
    fields = events["audit"]
    kind = FIELDS[name].type
    if name not in fields and name != "event.kind":
        check({**fields, name: _GOOD[kind]})
    for bad in _BAD[kind]:
        error = refusal({**fields, name: bad})
        assert (error.code, error.path) == ("event.type", f"$.{name}")


def test_a_refusal_names_the_type_that_came_and_never_the_value(events):
    secret = "hunter2-hunter2"
    for name, value in (
        ("user.name", {"password": secret}),
        ("@timestamp", secret),
        ("tags", secret),
        ("sealtrail.kind", secret),
        ("sealtrail.emitter", f"{secret} with spaces"),
    ):
        assert secret not in str(refusal({**events["audit"], name: value}))
    assert "got object" in str(refusal({**events["audit"], "user.name": {}}))


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T08:00:60Z",
        "2026-11-24T08:00:00.Z",
        "2026-11-24T08:00:00.1234567890Z",
        "2026-11-24T08:00:00Z\n",
        "٢٠٢٦-11-24T08:00:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_time_that_no_clock_shows_is_refused(text, events):
    assert refusal({**events["audit"], "@timestamp": text}).code == "event.type"


@pytest.mark.parametrize(
    "text", ["2026-11-24T08:00:00Z", "2026-11-24T08:00:00.1Z", "2026-11-24T08:00:00.123456789Z"]
)
def test_times_are_taken_with_up_to_nine_digits_of_a_second(text, events):
    check({**events["audit"], "@timestamp": text})


@pytest.mark.parametrize("emitter", ["", ".a", "a/b", "a b", "a\n", "é", "a" * (MAX_EMITTER + 1)])
def test_an_emitter_that_could_not_be_a_file_name_is_refused(emitter, events):
    assert refusal({**events["audit"], "sealtrail.emitter": emitter}).path == "$.sealtrail.emitter"


@pytest.mark.parametrize("number", [-1, MAX_SEQ + 1])
def test_a_sequence_number_outside_its_range_is_refused(number, events):
    assert refusal({**events["audit"], "sealtrail.seq": number}).path == "$.sealtrail.seq"
    check({**events["audit"], "sealtrail.seq": MAX_SEQ})


def test_an_unknown_kind_is_refused(events):
    assert refusal({**events["audit"], "sealtrail.kind": "rumour"}).path == "$.sealtrail.kind"


def test_unknown_fields_are_taken_as_they_are(events):
    check({**events["audit"], "acme.colour": {"any": [1, None, {"thing": 2.5}]}})


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"event.kind": "alert"}, "alert"),
        ({"event.category": ["authentication", "web"], "http.request.method": "POST"}, "authentication"),
        ({"http.request.method": "GET"}, "request"),
        ({}, "audit"),
        ({"sealtrail.kind": "request", "event.category": ["authentication"]}, "request"),
    ],
)
def test_the_kind_follows_from_ecs_fields_where_it_is_not_said(fields, kind):
    assert kind_of(fields) == kind


@pytest.mark.parametrize("hostile", [5, True, None, {"authentication": 1}, "authentication", [None, 3], [[]]])
def test_asking_for_the_kind_of_a_hostile_event_never_raises(hostile):
    for name in ("sealtrail.kind", "event.kind", "event.category", "event.action", "http.request.method"):
        assert kind_of({name: hostile}) in KINDS
        assert is_reserved({name: hostile}) in {True, False}
