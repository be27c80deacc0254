import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.capture import plain
from sealtrail.capture.audit.change import changes
from sealtrail.capture.marks import Marks
from sealtrail.capture.plain import is_plain, is_plain_text, plain_changes
from sealtrail.event import hostile

TEXTS = st.sampled_from(
    [
        *(
            "",
            "a",
            "viewer",
            "alice@example.com",
            "password=hunter2",
            "token: abcdefgh",
            "password",
            "4111111111111111",
        ),
        *("AKIAZ3MVLQ7XN2PKD8WT", "caf\u00e9", "a\u2028b", "tab\t", "x" * 200, "a b, c.", "%41", "OPS-1234"),
    ]
)
NAMES = st.sampled_from(
    ["a", "role", "password", "apiKey", "user.token", "alice@example.com", "limit", "name", "value"]
)
LEAVES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_called_plain_is_what_all_care_would_have_made_of_it(value):
    if is_plain(value):
        notes: list[str] = []
        made, found = scrub.details(hostile.plain(value, notes), "f")
        assert (json.dumps(made), found, notes) == (json.dumps(value), (), [])


@given(st.lists(st.tuples(NAMES, VALUES, VALUES), max_size=3))
def test_a_change_is_the_same_whether_care_was_taken_or_not(given_changes):
    quick = plain_changes(given_changes)
    if quick is not None:
        # An iterable of another type is never taken for plain.
        assert json.dumps(changes(tuple(given_changes), Marks())) == json.dumps(quick)


@pytest.mark.parametrize(
    "value",
    ["viewer", {"limit": 250, "tags": ["a", "b"]}, ("user", 42, None, True, 0.5)],
)
def test_what_applications_usually_hand_over_is_plain(value):
    assert is_plain(value)


@pytest.mark.parametrize(
    "value",
    [
        *({"password": "x"}, {"a": {"token": 1}}, ["alice@example.com"], {1: "a"}, {"a": {1}}, b"a"),
        *(float("nan"), 2**60, 4111111111111111, "a\nb", "x" * 129, type("T", (str,), {})("a")),
        {"name": "password", "value": "x"},
        *([[[["deep"]]]], list(range(65)), [list(range(40)), list(range(40))]),
    ],
)
def test_what_is_odd_long_deep_or_secret_is_not(value):
    assert not is_plain(value)


def test_a_text_that_only_looks_like_one_is_not_taken_for_one():
    assert not is_plain_text(None)
    assert not is_plain_text(1)
    assert is_plain_text("")


def test_clean_texts_are_remembered_in_bounded_number():
    for number in range(plain._MAX_KNOWN + 10):
        assert is_plain_text(f"order number {number}")
    assert len(plain._known) <= plain._MAX_KNOWN
