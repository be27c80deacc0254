"""Every node prints itself back."""

from __future__ import annotations

import pytest

from sealtrail.store.query import All, And, Compare, Exists, Is, Like, Not, Or, Text, both, parse


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (All(), "*"),
        (Text(("needle",)), "needle"),
        (Text(("two words",)), '"two words"'),
        (Text(("and",)), '"and"'),
        (Text(("http://x",)), '"http://x"'),
        (Text(("<script>",)), '"<script>"'),
        (Text(("a", "b")), "a*b"),
        (Is("user.id", "alice"), "user.id:alice"),
        (Is("user.id", "a*"), 'user.id:"a*"'),
        (Is("user.id", ""), 'user.id:""'),
        (Is("client.ip", "2001:db8::1"), "client.ip:2001:db8::1"),
        (Is("x", 'a"b\\c\nd\u202e'), 'x:"a\\"b\\\\c\\nd\\u202e"'),
        (Like("url.path", ("/health", "")), "url.path:/health*"),
        (Like("url.path", ("a b", "(c)")), "url.path:a\\ b*\\(c\\)"),
        (Exists("user.id"), "user.id:*"),
        (Compare("http.response.status_code", ">=", "400"), "http.response.status_code>=400"),
        (Is("not", "x"), "n\\ot:x"),
        (Is("my field:1", "x"), "my\\ field\\:1:x"),
        (Is("-a", "x"), "\\-a:x"),
        (Not(Text(("a",))), "not a"),
        (Not(Or((Text(("a",)), Text(("b",))))), "not (a or b)"),
        (And((Text(("a",)), Or((Text(("b",)), Text(("c",)))))), "a and (b or c)"),
        (And((And((Text(("a",)), Text(("b",)))), Text(("c",)))), "(a and b) and c"),
    ],
)
def test_a_node_prints_as_a_query_that_reads_back(node, text):
    assert str(node) == text
    assert parse(text) == node


def test_both_leaves_out_what_matches_everything():
    a, b = Is("a", "1"), Is("b", "2")
    assert both() == All()
    assert both(All(), a) == a
    assert both(a, All(), b) == And((a, b))
