import json
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sealtrail.capture.audit.change import changes, difference
from sealtrail.capture.marks import Marks


def made(form):
    return changes(form, Marks())


@pytest.mark.parametrize(
    "form",
    [
        [("role", "viewer", "admin")],
        (("role", "viewer", "admin"),),
        [{"path": "role", "old": "viewer", "new": "admin"}],
        {"path": "role", "old": "viewer", "new": "admin"},
        {"role": ("viewer", "admin")},
    ],
)
def test_all_forms_of_a_change_become_one(form):
    assert made(form) == [{"path": "role", "old": "viewer", "new": "admin"}]


def test_no_change_is_none():
    assert made(None) is None


@pytest.mark.parametrize(
    "form", [object(), "text", 5, [[]], [1, 2], [("a", "b", "c", "d")], {"a": 1}, [None]]
)
def test_other_forms_are_kept_as_far_as_they_say_something(form):
    for change in made(form):
        assert set(change) == {"path", "old", "new"}


def test_a_secret_name_anywhere_in_the_path_hides_both_sides():
    marks = Marks()
    found = changes([("credentials.value", "a", "b"), ("user.password", None, "x")], marks)
    assert found == [
        {"path": "credentials.value", "old": "[redacted:credential]", "new": "[redacted:credential]"},
        {"path": "user.password", "old": None, "new": "[redacted:password]"},
    ]
    assert set(marks.redacted) == {
        "sealtrail.change.credentials.value:credential",
        "sealtrail.change.user.password:password",
    }


def test_shapes_go_from_values_and_nested_secrets_too():
    (change,) = made([("profile", {"mail": "a@b.de"}, {"token": "t"})])
    assert change["old"] == {"mail": "[redacted:email]"}
    assert change["new"] == {"token": "[redacted:token]"}


def test_a_difference_names_the_paths_that_differ():
    before = {"a": 1, "b": {"c": 1, "d": [1]}, "gone": True}
    after = {"a": 1, "b": {"c": 2, "d": [1, 2]}, "new": None, "e": {"f": 1}}
    assert difference(before, after) == [
        {"path": "b.c", "old": 1, "new": 2},
        {"path": "b.d[1]", "new": 2},
        {"path": "gone", "old": True},
        {"path": "new", "new": None},
        {"path": "e", "new": {"f": 1}},
    ]


def test_a_number_and_a_boolean_are_not_the_same():
    assert difference({"a": 1}, {"a": True}) == [{"path": "a", "old": 1, "new": True}]


def test_states_that_are_no_mappings_count_as_a_whole():
    assert difference("x", "y") == [{"path": "", "old": "x", "new": "y"}]
    assert difference({"a": 1}, 5) == [{"path": "", "old": {"a": 1}, "new": 5}]


def test_many_changes_are_cut_and_told():
    marks = Marks()
    assert len(changes([(f"p{n}", 0, 1) for n in range(10_000)], marks)) <= 100
    assert "sealtrail.change" in marks.truncated


def test_a_list_is_compared_place_by_place_unless_its_items_moved():
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}, 4]}) == [
        {"path": "a", "old": [1, {"b": 2}], "new": [1, {"b": 3}, 4]}
    ]
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == [{"path": "a[1].b", "old": 2, "new": 3}]
    assert difference([1, 2, 3], [1]) == [{"path": "[1]", "old": 2}, {"path": "[2]", "old": 3}]
    assert difference([1, 2, 3], [0, 1, 2, 3]) == [{"path": "", "old": [1, 2, 3], "new": [0, 1, 2, 3]}]


def test_a_name_that_is_not_plain_stands_in_brackets():
    assert [c["path"] for c in difference({}, {"a.b": 1, "": 1, 'q"[0]': 1, "e-mail": 1, "größe": 1})] == [
        '["a.b"]',
        '[""]',
        '["q\\"[0]"]',
        "e-mail",
        "größe",
    ]


def test_a_secret_name_in_brackets_hides_both_sides():
    found = changes(
        difference({"x": {"user.password": ["a1b2"]}}, {"x": {"user.password": ["c3d4"]}}), Marks()
    )
    assert "a1b2" not in str(found)
    assert "c3d4" not in str(found)


def test_a_long_text_that_differs_at_its_end_is_a_change_and_many_keys_make_none():
    marks = Marks()
    (change,) = changes(difference({"a": "x" * 5000 + "1"}, {"a": "x" * 5000 + "2"}), marks)
    assert change["path"] == "a"
    assert "sealtrail.change" in marks.truncated
    many = {f"k{n}": n for n in range(5000)}
    assert difference(many, dict(reversed(many.items()))) == []
    assert difference(many, {**many, "k4999": 0}) == [{"path": "k4999", "old": 4999, "new": 0}]


def test_what_was_too_deep_or_too_much_to_look_at_is_not_said_to_have_changed():
    deep = {"a": 1}
    for _ in range(30):
        deep = {"a": deep}
    assert difference(deep, deep) == []
    many = {f"k{n}": n for n in range(20_000)}
    found = difference(many, {**dict(reversed(many.items())), "k1": 0})
    assert (found, found.cut) == ([], True)
    marks = Marks()
    assert changes(found, marks) == []
    assert "sealtrail.change" in marks.truncated


def test_all_changes_of_an_event_together_have_a_limit():
    marks = Marks()
    found = changes([(f"p{n}", "a" * 2000, "b" * 2000) for n in range(50)], marks)
    assert 1 < len(found) < 10
    assert "sealtrail.change" in marks.truncated


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.sampled_from(["a", "b", "c"]) | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')


def steps(path):
    """The names and numbers in a path; all of it must be read."""
    found, at = [], 0
    while at < len(path):
        match = STEP.match(path, at)
        assert match is not None, path
        name, number, quoted = match.groups()
        found.append(int(number) if number else json.loads(quoted) if quoted else name)
        at = match.end()
    return found


def apply(before, found):
    whole = [json.loads(json.dumps(before))]
    for change in sorted(found, key=lambda change: "new" not in change) if found else ():
        if "new" in change:
            put(whole, [0, *steps(change["path"])], change["new"])
    for change in reversed(found):
        if "new" not in change:
            inner, last = walk(whole, [0, *steps(change["path"])])
            assert inner[last] == change["old"]
            del inner[last]
    return whole[0]


def walk(whole, path):
    for step in path[:-1]:
        whole = whole[step]
    return whole, path[-1]


def put(whole, path, value):
    inner, last = walk(whole, path)
    if isinstance(inner, list) and last == len(inner):
        inner.append(value)
    else:
        inner[last] = value


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


def exact(value):
    """As text, so that 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True)


@given(JSON, JSON)
@example({"a": 1}, {"a": True})
@example({"a": None}, {})
@example([1, [2, 3]], [1, [3], 4])
def test_the_changes_applied_to_the_state_before_make_the_state_after(before, after):
    assume(max(depth(before), depth(after)) <= 8)
    assume(before is not None)
    assume(after is not None)
    found = difference(before, after)
    assert exact(apply(before, found)) == exact(after)
    assert (found == []) == (exact(before) == exact(after))
