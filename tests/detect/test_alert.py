from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.alert import MAX_KEY_TEXT, identity, short


def test_the_same_rule_key_and_window_give_the_same_id_for_ever() -> None:
    # Written out, because alerts that are stored already carry it.
    assert identity("rule", ("203.0.113.9",), "5918") == "b5251d67-66b6-8296-b075-81499b7defe8"


def test_an_id_is_a_uuid_of_version_8() -> None:
    found = UUID(identity("r", (), "1"))
    assert (found.version, found.variant) == (8, "specified in RFC 4122")


def test_whatever_differs_gives_another_id() -> None:
    ids = {
        identity("r", ("a", "b"), "1"),
        identity("r", ("ab",), "1"),
        identity("r", ("a",), "b1"),
        identity("r", ("a", "b"), "2"),
        identity("s", ("a", "b"), "1"),
        identity("r", ("a", "b"), "1", history=True),
    }
    assert len(ids) == 6


@given(st.text(max_size=600), st.text(max_size=600))
def test_short_texts_are_bounded_and_stay_distinct(one: str, two: str) -> None:
    assert len(short(one)) <= MAX_KEY_TEXT
    assert (short(one) == short(two)) == (one == two)
