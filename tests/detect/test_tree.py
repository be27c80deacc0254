from __future__ import annotations

from sealtrail.detect.tree import And, Exists, Not, Or, Ref, Text, both, either, fields_of, leaves

A, B, C = Exists("a"), Exists("b"), Exists("c")


def test_nested_alternatives_and_conjunctions_become_flat() -> None:
    assert both([A, both([B, C])]) == And((A, B, C))
    assert either([A, either([B, C])]) == Or((A, B, C))
    assert both([A]) == either([A]) == A


def test_texts_of_one_field_and_kind_become_one_leaf() -> None:
    one, two, other = (
        Text("f", "is", ("a",)),
        Text("f", "is", ("b", "a")),
        Text("f", "is", ("A",), cased=True),
    )
    assert either([one, two]) == Text("f", "is", ("a", "b"))
    assert either([one, other]) == Or((one, other))


def test_every_leaf_and_field_is_found() -> None:
    tree = And((A, Not(Or((B, Ref("x", "is", "y"))))))
    assert list(leaves(tree)) == [A, B, Ref("x", "is", "y")]
    assert fields_of(tree) == {"a", "b", "x", "y"}
