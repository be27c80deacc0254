"""The predicate, without a store."""

from __future__ import annotations

import duckdb
import pytest

from sealtrail.store.query import parse, predicate, where
from sealtrail.store.query.match import at_path, column, rest_text, texts

EVENT = {
    "@timestamp": "2026-11-24T08:00:00.000000Z",
    "message": "Account locked: time-out",
    "user.id": "Alice",
    "client.ip": "::ffff:10.1.2.3",
    "url.path": "/Orders/17",
    "http.response.status_code": 404,
    "tags": ["red", "green"],
    "user.roles": [],
    "shop": {"size": 5, "colours": ["blue", None, 7], "deep": {"x.y": True}},
    "shop.note": "Gift",
    "odd": [],
    "service.name": 5,
}


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("user.id:Alice", True),
        ("user.id:alice", False),
        ("ALICE", True),
        ("user.id:Al*", True),
        ("url.path:/Orders/*", True),
        ("message:locked", True),
        ("message:lock", False),
        ("message:lock*", True),
        ('message:"time out"', True),
        ('message:"out time"', False),
        ("client.ip:10.0.0.0/8", True),
        ("client.ip:10.1.2.3", True),
        ("http.response.status_code:[400 to 499]", True),
        ("tags:green", True),
        ("tags:gr*", True),
        ("user.roles:*", False),
        ("not user.roles:*", True),
        ("shop.size:5", True),
        ("shop.size:5.0", True),
        ("shop.size>4 and shop.size<6", True),
        ("shop.size>four", False),
        ("shop.colours:blue", True),
        ("shop.colours:7", True),
        ("shop.deep.x.y:true", False),
        ("shop.note:Gift", True),
        ("shop:*", True),
        ("odd:*", False),
        ("missing:x", False),
        ("not missing:x", True),
        ("not (missing:x or user.id:Alice)", False),
        ("service.name:5", False),
        ("service.name:*", False),
        ("gift", True),
        ("404", False),
        ("sealtrail.trail:audit and sealtrail.index:3", True),
    ],
)
def test_an_event_matches(text, does):
    assert predicate(parse(text))(EVENT, "audit", 3) is does


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sealtrail.trail:audit", ["audit", "audit-2", "audit-17"]),
        ("sealtrail.trail:audit-2", ["audit-2"]),
        ("sealtrail.trail:audit-*", ["audit-2", "audit-17", "audit-1"]),
        ("sealtrail.trail:shop", ["shop"]),
    ],
)
def test_a_trail_is_found_with_its_successors(text, found):
    matches = predicate(parse(text))
    trails = ("access", "access-2", "audit", "audit-2", "audit-17", "audit-1", "shop", "shop-2")
    assert [trail for trail in trails if matches({}, trail, 0)] == found
    condition, bound = where(parse(text))
    for trail in trails:
        asked = f'SELECT {condition} FROM (SELECT ? AS "sealtrail.trail")'
        row = duckdb.execute(asked, [*bound, trail]).fetchone()
        assert row == (trail in found,)


def test_a_field_of_another_type_is_missing_but_its_text_is_searched():
    assert column(EVENT, "service.name") is None
    assert predicate(parse("shown"))({"http.response.status_code": "Shown"})


def test_the_texts_of_an_event_end_with_what_has_no_column():
    assert list(texts(EVENT))[-1] == "blue\nGift"
    assert rest_text({"user.id": "a"}) is None


def test_a_key_with_dots_comes_before_a_nested_one():
    assert at_path({"a.b": 1, "a": {"b": 2}}, "a.b") == [1]
    assert at_path({"a.b": None, "a": {"b": 2}}, "a.b") == [2]
    assert at_path({"a": [1, None]}, "a") == [1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sealtrail.details:*gold*", False),
        ("sealtrail.details.plan:*gold*", True),
        ("gold", True),
        ("sealtrail.details:*", True),
        ("sealtrail.change.path:role", False),
        ("role", True),
    ],
)
def test_what_holds_others_is_found_by_a_path_or_by_a_word_alone(query, found):
    event = {"sealtrail.details": {"plan": "all gold"}, "sealtrail.change": [{"path": "role", "new": "a"}]}
    assert predicate(parse(query))(event) is found
