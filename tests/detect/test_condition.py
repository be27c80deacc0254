from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.condition import MAX_DEPTH, ConditionError, parse
from sealtrail.detect.tree import And, Exists, Node, Not, Or

NAMES = ("a", "b", "notes", "filter_1", "filter_2", "_hidden", "order", "all-of")


def tree(text: object, names: tuple[str, ...] = NAMES) -> Node:
    return parse(text, {name: (lambda name=name: Exists(name)) for name in names})


A, B, NOTES = Exists("a"), Exists("b"), Exists("notes")
FILTERS = (Exists("filter_1"), Exists("filter_2"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("notes", NOTES),
        ("not a", Not(A)),
        ("not not a", Not(Not(A))),
        ("a and b or notes", Or((And((A, B)), NOTES))),
        ("a and (b or notes)", And((A, Or((B, NOTES))))),
        ("a or b and not notes", Or((A, And((B, Not(NOTES)))))),
        ("NOT a AND b", And((Not(A), B))),
        ("a and not 1 of filter_*", And((A, Not(Or(FILTERS))))),
        ("all of filter_*", And(FILTERS)),
        ("any of filter_1", FILTERS[0]),
        ("1 of _*", Exists("_hidden")),
        ("(((a)))", A),
        ("all-of", Exists("all-of")),
        ("order or a", Or((Exists("order"), A))),
    ],
)
def test_a_condition_is_read_as_the_specification_says(text: str, expected: Node) -> None:
    assert tree(text) == expected


def test_them_means_all_but_hidden_selections() -> None:
    assert tree("1 of them", ("a", "_hidden", "b")) == Or((A, B))
    assert tree("all of them", ("a", "_hidden", "b")) == And((A, B))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        None,
        5,
        "a and",
        "and a",
        "a b",
        "(a",
        "a)",
        "()",
        "c",
        "1 of nothing_*",
        "not",
        "a | count() > 5",
        "a & b",
        "1 of",
        "a or or b",
        "(" * (MAX_DEPTH + 5) + "a",
        "a and " * 3000 + "a",
    ],
)
def test_what_is_no_condition_is_refused(text: object) -> None:
    with pytest.raises(ConditionError):
        tree(text)


@given(st.text(alphabet="ab ()notdrl1*_|\n", max_size=40))
def test_any_text_gives_a_tree_or_a_reason(text: str) -> None:
    try:
        tree(text)
    except ConditionError as error:
        assert str(error)
