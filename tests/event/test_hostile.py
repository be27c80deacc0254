import enum
import json
import uuid
from collections import OrderedDict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.event import canonical, decode
from sealtrail.event.hostile import MAX_ITEMS, MAX_TEXT, plain, text


class Raising:
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


class RaisingDict(dict):
    def items(self):
        raise ValueError("no items")


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "lie"


class Number(enum.IntEnum):
    ONE = 1


def once(value):
    notes = []
    return plain(value, notes), notes


@pytest.mark.parametrize(
    ("value", "kept", "note"),
    [
        (float("nan"), "nan", "value.number"),
        (float("-inf"), "-inf", "value.number"),
        (2**53 + 1, "9007199254740993", "value.number"),
        (-(2**60), "-1152921504606846976", "value.number"),
        ("a\ud800b", "a\\ud800b", "value.surrogate"),
        (b"a\xff", "a\\xff", "value.bytes"),
        ({3, 1, 2}, [1, 2, 3], "value.set"),
        ({1: "a"}, {"1": "a"}, "value.key"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", "value.object"),
        (date(2026, 1, 2), "2026-01-02", "value.object"),
        (Raising(), "<unprintable Raising>", "value.unprintable"),
        (RaisingDict(a=1), "<unprintable RaisingDict>", "value.unprintable"),
    ],
)
def test_what_json_cannot_hold_becomes_text_with_a_note(value, kept, note):
    made, notes = once(value)
    assert made == kept
    assert note in notes


@pytest.mark.parametrize("value", [None, True, 0, -1, 2**53, 1.5, "é", [], {}, {"a": [1, {"b": None}]}])
def test_what_json_can_hold_stays(value):
    assert once(value) == (value, [])


def test_an_objects_place_in_memory_is_not_told():
    made, _ = once(object())
    assert made == "<object>"


def test_subclasses_of_texts_and_numbers_are_taken_at_their_value():
    assert once(Text("truth"))[0] == "truth"
    assert once(Number.ONE)[0] == 1
    assert type(once(Text("truth"))[0]) is str


def test_recursion_comes_to_an_end():
    loop = {}
    loop["self"] = loop
    made, notes = once(loop)
    assert "value.deep" in notes
    json.dumps(made)
    ring = []
    ring.append(ring)
    assert "value.deep" in once(ring)[1]


def test_keys_that_become_alike_are_kept_apart():
    made, _ = once({1: "a", "1": "b"})
    assert sorted(made.values()) == ["a", "b"]


def test_sizes_are_bounded_and_the_cut_is_told():
    for value in ("x" * 10**6, ["x"] * 10**5, {str(n): n for n in range(10**4)}, ["x" * 1000] * 1000):
        made, notes = once(value)
        assert "cut" in notes
        assert len(json.dumps(made)) < 12 * MAX_TEXT + 20 * MAX_ITEMS


def test_an_integer_that_python_will_not_print_is_text_too():
    assert once(10**5000)[0].startswith("0x")


def test_a_mapping_of_another_kind_is_a_mapping():
    assert once(OrderedDict(b=1, a=2))[0] == {"b": 1, "a": 2}


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.binary(max_size=20)
    | st.builds(Raising)
    | st.just("\udfff"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(), max_size=8) | st.integers() | st.binary(max_size=4), inner, max_size=4
        )
        | st.tuples(inner, inner)
    ),
    max_leaves=15,
)


@given(HOSTILE)
def test_whatever_comes_out_is_canonical_json(value):
    made, _ = once(value)
    line = canonical({"sealtrail.details": made})
    assert decode(line) == {"sealtrail.details": made}
    assert canonical(decode(line)) == line


@given(HOSTILE, st.integers(0, 50))
def test_text_of_anything_is_bounded_and_encodable(value, limit):
    made = text(value, limit, [])
    assert type(made) is str
    assert len(made) <= limit
    made.encode()
