from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.console.refine import KNOWN, differs, equals, exists, mistyped, renamed, term, without_last
from sealtrail.errors import QueryError
from sealtrail.store.query import parse, predicate

values = st.one_of(st.text(min_size=1, max_size=30), st.integers(-(2**53), 2**53), st.booleans())


@given(values)
def test_a_term_is_read_back_as_the_value_it_was_made_of(value):
    text = str(value).lower() if isinstance(value, bool) else str(value)
    assert str(parse(term("user.id", value), 0)) == term("user.id", value)
    assert parse(term("user.id", value), 0).value == text  # type: ignore[union-attr]


@given(values.map(str))
def test_equals_finds_the_event_that_was_clicked_and_differs_does_not(value):
    fields = {"user.id": value, "event.action": "a"}
    for query in ("*", "event.action:a", "event.action:a or event.action:b"):
        assert predicate(parse(equals(query, "user.id", value), 0))(fields)
        assert not predicate(parse(differs(query, "user.id", value), 0))(fields)


def test_asking_for_the_same_twice_changes_nothing():
    once = equals("event.action:a", "user.id", "u1")
    assert equals(once, "user.id", "u1") == once
    assert once == "event.action:a and user.id:u1"
    assert equals("user.id:u1", "user.id", "u1") == "user.id:u1"
    assert equals("a or b", "user.id", "u1") == "(a or b) and user.id:u1"


def test_a_query_that_cannot_be_read_is_refused():
    with pytest.raises(QueryError):
        equals("((", "user.id", "u1")


def test_a_query_loses_its_last_condition_until_one_is_left():
    assert without_last("a and b:c and d>=1") == "a and b:c"
    assert without_last("a and (b or c)") == "a"
    assert without_last("a or b") == ""
    assert without_last("*") == ""


def test_existing_is_a_condition_like_others():
    assert exists("*", "user.id") == "user.id:*"
    assert exists("a", "user.id") == "a and user.id:*"


def test_a_mistyped_field_is_told_what_it_may_have_been():
    assert "user.id" in mistyped("userid:x")["userid"]
    assert mistyped("ip:1.2.3.4")["ip"][0].endswith(".ip")
    assert mistyped("not (statuscode:1 or path:x)").keys() == {"path"} | (
        {"statuscode"} & mistyped("statuscode:1").keys()
    )
    assert mistyped("a word, and qqqqqqqq:1") == {}


@given(st.sampled_from(KNOWN))
def test_a_known_field_is_not_mistyped(field):
    assert mistyped(f"{field}:*") == {}


def test_a_field_is_renamed_wherever_it_is_named():
    query = "userid:a and (not userid>=2 or user.name:userid) and userid"
    assert (
        renamed(query, "userid", "user.id") == "user.id:a and (not user.id>=2 or user.name:userid) and userid"
    )
    assert renamed("*", "userid", "user.id") == "*"
