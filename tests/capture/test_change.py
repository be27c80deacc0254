import pytest

from sealtrail.capture.change import changes, difference
from sealtrail.capture.marks import Marks


def made(given):
    return changes(given, Marks())


@pytest.mark.parametrize(
    "given",
    [
        [("role", "viewer", "admin")],
        (("role", "viewer", "admin"),),
        [{"path": "role", "old": "viewer", "new": "admin"}],
        {"path": "role", "old": "viewer", "new": "admin"},
        {"role": ("viewer", "admin")},
    ],
)
def test_all_forms_of_a_change_become_one(given):
    assert made(given) == [{"path": "role", "old": "viewer", "new": "admin"}]


def test_no_change_is_none():
    assert made(None) is None


@pytest.mark.parametrize(
    "given", [object(), "text", 5, [[]], [1, 2], [("a", "b", "c", "d")], {"a": 1}, [None]]
)
def test_other_forms_are_kept_as_far_as_they_say_something(given):
    for change in made(given):
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
    assert difference(before, after, Marks()) == [
        {"path": "b.c", "old": 1, "new": 2},
        {"path": "b.d", "old": [1], "new": [1, 2]},
        {"path": "gone", "old": True, "new": None},
        {"path": "e.f", "old": None, "new": 1},
    ]


def test_a_number_and_a_boolean_are_not_the_same():
    assert difference({"a": 1}, {"a": True}, Marks()) == [{"path": "a", "old": 1, "new": True}]


def test_states_that_are_no_mappings_count_as_a_whole():
    assert difference("x", "y", Marks()) == [{"path": "", "old": "x", "new": "y"}]
    assert difference({"a": 1}, 5, Marks()) == [{"path": "", "old": {"a": 1}, "new": 5}]


def test_many_changes_are_cut_and_told():
    marks = Marks()
    assert len(changes([(f"p{n}", 0, 1) for n in range(10_000)], marks)) <= 100
    assert "sealtrail.change" in marks.truncated
