from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.explain import MAX_REASONS, Reason, explain
from sealtrail.detect.match import matcher
from sealtrail.detect.read import compile_texts
from sealtrail.detect.tree import And, Exists, Node, Not, Null, Or, Text


def rule(detection: str) -> Node:
    text = f"title: t\nlogsource: {{product: x}}\ndetection:\n{detection}"
    found = compile_texts([("r.yml", text)])
    assert not found.refused
    return found.rules[0].condition


def test_only_the_parts_that_made_it_match_are_told_with_what_they_found() -> None:
    node = rule(
        "  a: {url.original|contains: ['union select', 'information_schema', \"' or 1=1\"]}\n"
        "  b: {http.response.status_code: 200}\n"
        "  staff: {user.roles: admin}\n"
        "  condition: a and b and not staff\n"
    )
    reasons = explain(node, {"url.original": "/?q=1 UNION SELECT 2", "http.response.status_code": 200})
    assert reasons is not None
    assert set(reasons) == {
        Reason("url.original", "contains `union select`", True, ("/?q=1 UNION SELECT 2",), ("UNION SELECT",)),
        Reason("http.response.status_code", "is 200", True, ("200",), ("200",)),
        Reason("user.roles", "is `admin`", False, ()),
    }


def test_a_rule_that_does_not_match_has_no_reasons() -> None:
    node = rule("  a: {user.id: u1}\n  condition: a\n")
    assert explain(node, {"user.id": "u2"}) is None


@pytest.mark.parametrize(
    ("condition", "fields", "said", "found"),
    [
        ("{user.id|startswith: adm}", {"user.id": "ADMIN"}, "starts with `adm`", ("ADM",)),
        ("{user.id|endswith: min}", {"user.id": "ADMIN"}, "ends with `min`", ("MIN",)),
        ("{user.id|cased: Bob}", {"user.id": "Bob"}, "is `Bob`", ("Bob",)),
        ("{user.id|re: 'a+b'}", {"user.id": "xaaby"}, "fits `a+b`", ("aab",)),
        ("{user.id: 'a*b'}", {"user.id": "axxb"}, None, ("axxb",)),
        ("{user.id|exists: true}", {"user.id": "u"}, "is there", ("u",)),
        ("{user.id: null}", {}, "is missing", ()),
        ("{client.ip|cidr: 10.0.0.0/8}", {"client.ip": "10.1.2.3"}, "is within 10.0.0.0/8", ("10.1.2.3",)),
        ("{event.severity|gte: 5}", {"event.severity": 7}, ">= 5", ("7",)),
        ("{'@timestamp|hour': 3}", {"@timestamp": "2026-01-01T03:00:00Z"}, "'s hour is 3", None),
        ("{sealtrail.import: true}", {"sealtrail.import": True}, "is true", ("true",)),
        (
            "{user.id|fieldref: user.name}",
            {"user.id": "u", "user.name": "u"},
            "is the value of user.name",
            ("u",),
        ),
    ],
)
def test_every_kind_of_condition_has_words(
    condition: str, fields: dict[str, Any], said: str | None, found: tuple[str, ...] | None
) -> None:
    reasons = explain(rule(f"  a: {condition}\n  condition: a\n"), fields)
    assert reasons is not None
    if said is not None:
        assert reasons[0].condition == said
    if found is not None:
        assert reasons[0].found == found


def test_letters_that_grow_when_folded_do_not_shift_what_is_shown() -> None:
    reasons = explain(Text("user.id", "contains", ("ab",)), {"user.id": "ßßab"})
    assert reasons is not None
    assert reasons[0].found == ("ßßab",)


def test_a_huge_rule_and_a_huge_value_are_cut() -> None:
    node = And(tuple(Exists(f"f{n}") for n in range(100)))
    reasons = explain(node, {f"f{n}": "x" * 10_000 for n in range(100)})
    assert reasons is not None
    assert len(reasons) == MAX_REASONS
    assert len(reasons[0].values[0]) == 2_000


_leaves = st.one_of(
    st.builds(Text, st.sampled_from("ab"), st.just("contains"), st.tuples(st.sampled_from("xyz"))),
    st.builds(Exists, st.sampled_from("abc")),
    st.builds(Null, st.sampled_from("abc")),
)
_nodes = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.tuples(inner, inner)),
        st.builds(Or, st.tuples(inner, inner)),
    ),
    max_leaves=12,
)


@given(_nodes, st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=3)))
def test_there_are_reasons_exactly_where_the_rule_matches(node: Node, fields: dict[str, Any]) -> None:
    reasons = explain(node, fields)
    assert (reasons is not None) == matcher(node)(fields)
    if reasons is not None:
        assert reasons
