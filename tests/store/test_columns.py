"""Fields to columns and back, whatever the fields are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.event import FIELDS, Entry, canonical, decode
from sealtrail.store.columns import INDEX, SCHEMA, TIME, TRAIL, fields_of, nothing, present, table
from sealtrail.store.query.sql import REST, REST_TEXT
from sealtrail.store.query.times import span


def _entries(*events):
    return [Entry("access", index, b"", fields) for index, fields in enumerate(events)]


def _back(rows):
    return [
        fields_of(rows.column_names, row)
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)
    ]


TIME_TEXT = st.sampled_from(
    [
        "2026-11-24T08:00:00.000000Z",
        "2026-11-24T08:00:00Z",
        "2026-W48-2T08:00:00.000000Z",
        "1600-02-29T00:00:00.1Z",
    ]
)
VALUES = {
    "keyword": st.text(max_size=5),
    "text": st.text(max_size=5),
    "ip": st.sampled_from(["10.0.0.1", "2001:DB8::1", "nobody", "10.0.0.0/8"]),
    "keywords": st.lists(st.text(max_size=3), max_size=3),
    "time": TIME_TEXT,
    "long": st.integers(-(2**53), 2**53),
    "bool": st.booleans(),
    "json": st.lists(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2), max_size=2),
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
KNOWN = st.fixed_dictionaries(
    {}, optional={name: VALUES[field.type] for name, field in list(FIELDS.items())[::4]}
)
UNKNOWN = st.dictionaries(st.text(min_size=1, max_size=6), ANYTHING, max_size=2)
ILL_TYPED = st.dictionaries(st.sampled_from(list(FIELDS)), ANYTHING, max_size=2)


@given(st.lists(st.tuples(KNOWN, UNKNOWN, ILL_TYPED), min_size=1, max_size=4))
def test_any_events_come_back_exactly_key_by_key_in_order(found):
    events = [decode(canonical({**known, **other, **wrong})) for known, other, wrong in found]
    rows = table(_entries(*events))
    assert rows.schema == SCHEMA
    for (fields, trail, index, _), event in zip(_back(rows), events, strict=True):
        assert list(fields.items()) == list(event.items())
        assert canonical(fields) == canonical(event)
        assert (trail, events[index]) == ("access", event)


def test_a_typed_value_has_its_column_and_nothing_in_rest():
    rows = table(
        _entries({"user.id": "u", "http.response.status_code": 404, "tags": ["a"], "sealtrail.own": True})
    )
    assert present(rows) == {
        TRAIL,
        INDEX,
        TIME,
        "user.id",
        "http.response.status_code",
        "tags",
        "sealtrail.own",
    }


def test_a_value_of_another_type_is_kept_in_rest_and_does_not_fail_its_neighbours():
    rows = table(_entries({"http.response.status_code": "404"}, {"http.response.status_code": 200}))
    assert rows["http.response.status_code"].to_pylist() == [None, 200]
    assert rows[REST].to_pylist() == ['{"http.response.status_code":"404"}', None]
    assert rows[REST_TEXT].to_pylist() == ["404", None]


def test_an_address_is_sixteen_bytes_in_numeric_order():
    rows = table(
        _entries(
            {"client.ip": "9.9.9.9"},
            {"client.ip": "10.0.0.1"},
            {"client.ip": "x"},
            {"client.ip": "::ffff:10.0.0.1"},
        )
    )
    low, high, none, mapped = rows["client.ip:key"].to_pylist()
    assert low < high == mapped
    assert (len(low), none) == (16, None)


def test_entries_are_sorted_by_their_time_else_by_when_they_were_sealed():
    sealed = "2026-11-24T09:00:00.000000Z"
    rows = table(
        _entries(
            {"@timestamp": "2026-11-24T08:00:00Z", "event.ingested": sealed},
            {"@timestamp": "noon", "event.ingested": sealed},
            {},
        )
    )
    assert rows[TIME].to_pylist() == [span("2026-11-24T08:00:00.0Z").start, span(sealed).start, 0]


@pytest.mark.parametrize(
    "hostile",
    [
        {"x": "\ud800", "user.id": "\udfff"},
        {"x": 2**80, "process.pid": 2**80},
        {"x": float("inf"), "y": float("nan")},
        {"x": b"bytes", "y": {1: object}},
        {"x": [[[[["deep"]]]]], "tags": ["\ud800"]},
        {"\ud800": 1},
        {"rest": 1, "time": "2", TRAIL: "audit", INDEX: 7},
    ],
)
def test_what_no_decoder_gives_still_fails_no_batch(hostile):
    rows = table(_entries(hostile, {"user.id": "next"}))
    assert rows["user.id"].to_pylist()[1] == "next"
    assert rows[TRAIL].to_pylist() == ["access", "access"]
    assert _back(rows)[1][0] == {"user.id": "next"}


@pytest.mark.parametrize("rows", [0, 3, 65_536, 65_537])
def test_a_column_of_nothing_has_its_type_and_length(rows):
    for field in SCHEMA:
        column = nothing(field.type, rows)
        assert (column.type, len(column), column.null_count) == (field.type, rows, rows)
