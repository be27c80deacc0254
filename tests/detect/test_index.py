from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.index import MAX_SHAPES, Index
from sealtrail.detect.match import View, matcher
from sealtrail.detect.rule import Head, Rule, Ruleset
from sealtrail.detect.tree import And, Compare, Exists, Node, Not, Null, Number, Or, Ref, Text

RULES = """
title: logins
logsource: {product: p}
detection: {s: {event.action: authn_login_fail}, condition: s}
---
title: posts
logsource: {category: webserver}
detection: {s: {cs-method: POST, c-uri|contains: x}, condition: s}
---
title: anything without a referrer
logsource: {product: p}
detection: {s: {cs-referer: null}, condition: s}
"""


def test_an_event_touches_only_rules_its_shape_allows(good: Callable[[str], Ruleset]) -> None:
    index = Index(good(RULES).rules)

    def pick(fields: dict[str, Any], *, kind: str) -> tuple[int, ...]:
        return tuple(place for place, _ in index.pick(fields, kind=kind))

    post = {"http.request.method": "POST", "url.original": "/"}
    assert pick({"event.action": "authn_login_fail"}, kind="audit") == (0, 2)
    assert pick(post, kind="request") == (1, 2)
    assert pick({"user.id": "u"}, kind="request") == (2,)
    assert pick({**post, "http.request.method": "GET"}, kind="request") == (2,)
    assert pick(post, kind="audit") == (2,)


def test_a_call_of_the_application_is_shown_to_rules_on_such_calls_and_to_no_other(
    good: Callable[[str], Ruleset],
) -> None:
    mine = "title: out\nlogsource: {product: sealtrail, service: outbound}\n"
    mine += "detection: {s: {url.original: '*'}, condition: s}\n"
    index = Index(good(f"{RULES}\n---\n{mine}").rules)
    post = {"http.request.method": "POST", "url.original": "/"}
    assert [place for place, _ in index.pick(post, kind="outbound")] == [3]
    assert 3 not in dict(index.pick(post, kind="request"))


def test_a_method_nobody_knows_is_not_taken_for_its_name(good: Callable[[str], Ruleset]) -> None:
    index = Index(good(RULES.replace("POST", "PROPFIND")).rules)
    event = {
        "http.request.method": "_OTHER",
        "http.request.method_original": "PROPFIND",
        "url.original": "/x",
    }
    assert 1 in dict(index.pick(event, kind="request"))


def test_invented_shapes_do_not_fill_the_memory(good: Callable[[str], Ruleset]) -> None:
    index = Index(good(RULES).rules)
    for number in range(MAX_SHAPES + 10):
        index.pick({f"x{number}": 1}, kind="audit")
    assert len(index._shapes) <= MAX_SHAPES


def test_a_list_where_a_text_belongs_is_judged_without_the_table(good: Callable[[str], Ruleset]) -> None:
    index = Index(good(RULES).rules)
    assert 0 in dict(index.pick({"event.action": ["authn_login_fail"]}, kind="audit"))


def test_for_a_plain_target_rules_about_quotation_marks_are_not_asked(good: Callable[[str], Ruleset]) -> None:
    index = Index(
        good("""
            title: quotes
            logsource: {category: webserver}
            detection:
              s: {sealtrail.url.decoded|contains: ["' or ", "<script"], cs-method: GET}
              condition: s
        """).rules
    )
    get = {"http.request.method": "GET"}
    assert index.pick({**get, "url.original": "/items/17?sort=name"}, kind="request") == ()
    assert index.pick({**get, "url.path": "/items/17"}, kind="request") == ()
    assert len(index.pick({**get, "url.original": "/items/%27"}, kind="request")) == 1


_names = st.sampled_from(
    [
        "event.action",
        "http.response.status_code",
        "http.request.method",
        "url.path",
        "url.original",
        "sealtrail.url.decoded",
        "a",
    ]
)
_values = st.sampled_from(["x", "y'z", "/a%27b", 200, 404, None, "GET", "'"])
_leaf = st.one_of(
    st.builds(lambda f, v: Text(f, "is", (str(v).casefold(),)), _names, _values),
    st.builds(lambda f, v: Text(f, "contains", v), _names, st.sampled_from([("'",), ("'", "x"), ("%2",)])),
    st.builds(Number, _names, st.sampled_from([200, 404])),
    st.builds(lambda f: Compare(f, "gte", 300), _names),
    st.builds(Null, _names),
    st.builds(Exists, _names),
    st.builds(lambda a, b: Ref(a, "is", b), _names, _names),
)
_tree: st.SearchStrategy[Node] = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda args: And(tuple(args))),
        st.lists(inner, min_size=1, max_size=3).map(lambda args: Or(tuple(args))),
        inner.map(Not),
    ),
    max_leaves=8,
)


@given(tree=_tree, events=st.lists(st.dictionaries(_names, _values, max_size=5), min_size=1, max_size=5))
def test_what_is_left_to_ask_decides_as_the_whole_rule(tree: Node, events: list[dict[str, Any]]) -> None:
    rule = Rule(Head("r", "t", "", "low", "", (), "", 0), tree, requests_only=False)
    index = Index([rule])
    for event in events * 2:
        left = index.pick(event, kind="audit")
        assert any(test(View(event)) for _, test in left) == matcher(tree)(event)
