"""What a condition means is decided by the field's type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import QueryError
from sealtrail.store.query import meaning, parse
from sealtrail.store.query.meaning import (
    Alike,
    Containing,
    Equal,
    Inside,
    Loose,
    Never,
    Ordered,
    Phrase,
    Present,
    Within,
    address_key,
    candidates,
    fits,
    meaning_of,
    network_of,
)

STATUS = "http.response.status_code"


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("user.id:Alice", Equal("user.id", "Alice")),
        ("user.id:al*", Alike("user.id", ("al", ""))),
        ("user.id>=m", Ordered("user.id", ">=", "m")),
        ("url.path:/a", Equal("url.path", "/a")),
        ('message:"Time out"', Phrase("message", (("time",), ("out",)))),
        ('message:"!?"', Containing("message", ("!?",))),
        (f"{STATUS}:404", Within(STATUS, 404, 405)),
        (f"{STATUS}:404.5", Never()),
        (f"{STATUS}>404", Within(STATUS, 405, None)),
        (f"{STATUS}<=4e2", Within(STATUS, None, 401)),
        (f"{STATUS}>=404.5", Within(STATUS, 405, None)),
        (f"{STATUS}<404.5", Within(STATUS, None, 405)),
        (f"{STATUS}>1e300", Within(STATUS, 2**62, None)),
        ("sealtrail.own:true", Equal("sealtrail.own", True)),
        ("tags:a", Equal("tags", "a")),
        ("user.id:*", Present("user.id")),
        ("client.ip>255.255.255.255", Inside("client.ip", address_key("::1:0:0:0"), None)),
        ("client.ip<::", Never()),
        ("client.ip>ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Never()),
        ("shop.size:42", Loose("shop.size", text="42", number=42.0)),
        ("shop.size>=big", Loose("shop.size", text="big", operator=">=")),
        ("shop.size>1e999", Loose("shop.size", text="1e999", operator=">")),
        ("sealtrail.details.a:*", Loose("sealtrail.details.a", any=True)),
    ],
)
def test_a_condition_means(text, test):
    assert meaning_of(parse(text)) == test


@given(
    st.lists(
        st.sampled_from(["0", "00", "1", "01", "10", "99", "255", "256", "1000", "٣", ""]),
        min_size=3,
        max_size=5,
    )
)
def test_the_short_way_to_an_address_agrees_with_the_long_one(parts):
    text = ".".join(parts)
    network = network_of(text)
    assert address_key(text) == (network and network[0])


def test_a_network_is_its_first_and_last_address():
    assert meaning_of(parse("client.ip:10.0.0.0/8")) == Inside(
        "client.ip", address_key("10.0.0.0"), address_key("10.255.255.255")
    )
    assert meaning_of(parse("client.ip:10.1.2.3/8")) == meaning_of(parse("client.ip:10.0.0.0/8"))


def test_a_day_is_a_period_and_a_comparison_goes_beyond_all_of_it():
    day = meaning_of(parse("@timestamp:2026-11-24"))
    assert day.high - day.low == 86_400_000_000
    assert meaning_of(parse("@timestamp>2026-11-24")) == Within("@timestamp", day.high, None)
    assert meaning_of(parse("@timestamp<=2026-11-24")) == Within("@timestamp", None, day.high)
    assert meaning_of(parse("@timestamp<2026-11-24")) == Within("@timestamp", None, day.low)


def test_a_relative_time_needs_a_present():
    with pytest.raises(QueryError):
        meaning_of(parse("@timestamp>=2h"))
    assert meaning_of(parse("@timestamp>=2h"), 10 * 3_600_000_000) == Within(
        "@timestamp", 28_800_000_000, None
    )


def test_a_path_may_be_one_key_or_nested_from_any_dot_on():
    assert candidates("a.b.c") == [("a.b.c",), ("a.b", "c"), ("a", "b", "c")]


@pytest.mark.parametrize(
    ("type_", "value", "does"),
    [
        ("long", 5, True),
        ("long", True, False),
        ("long", 5.0, False),
        ("long", 2**63, False),
        ("keywords", ["a", 1], False),
        ("keywords", [], True),
        ("bool", 1, False),
        ("time", "2026-11-24T08:00:00Z", True),
        ("time", "2026-11-24", False),
        ("keyword", None, False),
    ],
)
def test_a_value_fits_a_column_of_exactly_its_type(type_, value, does):
    assert fits(type_, value) is does


def test_every_field_type_of_the_vocabulary_has_a_meaning():
    assert set(meaning.TYPES.values()) <= set(meaning._MEANINGS)
