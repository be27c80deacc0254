"""What can be written, and what an error says of what cannot."""

from __future__ import annotations

import pytest

from sealtrail.errors import QueryError
from sealtrail.store.query import All, And, Compare, Exists, Is, Like, Not, Or, Text, parse
from sealtrail.store.query import parser as parser_module
from sealtrail.store.query.times import span

STATUS = "http.response.status_code"
NOW = span("2026-11-24T08:00:00.000000Z").start


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", All()),
        ("  ", All()),
        ("* *", And((All(), All()))),
        ("user.id:alice", Is("user.id", "alice")),
        ("user.id : alice", Is("user.id", "alice")),
        (f"{STATUS} >= 400", Compare(STATUS, ">=", "400")),
        (f"{STATUS}:>=400", Compare(STATUS, ">=", "400")),
        ("a b", And((Text(("a",)), Text(("b",))))),
        ("a AND b Or c", Or((And((Text(("a",)), Text(("b",)))), Text(("c",))))),
        ("not not a", Not(Not(Text(("a",))))),
        ("NOT a b", And((Not(Text(("a",))), Text(("b",))))),
        ("order nothing android", And((Text(("order",)), Text(("nothing",)), Text(("android",))))),
        ("user.id:(a or b)", Or((Is("user.id", "a"), Is("user.id", "b")))),
        ("user.id:(a or not (b* c))", None),
        (f"{STATUS}:[400 to 499]", And((Compare(STATUS, ">=", "400"), Compare(STATUS, "<=", "499")))),
        (f"{STATUS}:[400 TO *]", Compare(STATUS, ">=", "400")),
        (f"{STATUS}:[* to *]", Exists(STATUS)),
        ("x:**", Exists("x")),
        ("x:a**b", Like("x", ("a", "b"))),
        ("x:a\\*b", Is("x", "a*b")),
        ('x:"*"', Is("x", "*")),
        ('"a b"', Text(("a b",))),
        ("*foo*", Text(("foo",))),
        ("a=b", Text(("a=b",))),
        ("<script>", Text(("<script>",))),
        ("url.original:/a?b=c&d=e", Is("url.original", "/a?b=c&d=e")),
        ("client.ip:2001:db8::/32", Is("client.ip", "2001:db8::/32")),
        ("notes:x", Is("notes", "x")),
        ("x:\\u00e9", Is("x", "é")),
    ],
)
def test_a_query_is_read_and_prints_itself_back(text, node):
    read = parse(text)
    if node is not None:
        assert read == node
    assert parse(str(read)) == read


@pytest.mark.parametrize(
    ("text", "column", "code", "words"),
    [
        ("user.id:", 8, "query.syntax", "a value is missing for `user.id`"),
        ("user.id: and x", 9, "query.syntax", "a value is missing"),
        ("(a or b", 0, "query.syntax", "never closed"),
        ("a)", 1, "query.syntax", "too many"),
        ('a "b', 2, "query.syntax", "never closed"),
        ("a or", 4, "query.syntax", "a condition is missing"),
        ("a and or b", 6, "query.syntax", "before `or`"),
        (":8080", 0, "query.syntax", "name is missing"),
        ("-user.id:a", 0, "query.syntax", "`-` does not exclude"),
        ("!user.id:a", 0, "query.syntax", "`!` does not exclude"),
        ("a && b", 2, "query.syntax", "`&&` is not an operator"),
        (f"x {STATUS}=404", 2, "query.syntax", "`=` does not compare"),
        (f"x {STATUS} != 404", 28, "query.syntax", "`=` does not compare"),
        ("http.*:x", 0, "query.syntax", "no wildcards"),
        ('"a":b', 0, "query.syntax", "not quoted"),
        ("a::b", 2, "query.syntax", "one `:`"),
        (f"{STATUS}>4*", 26, "query.syntax", "no wildcards"),
        ("x:[1 2]", 2, "query.syntax", "[low to high]"),
        ("x:[1 to 2", 2, "query.syntax", "never closed"),
        ('""', 0, "query.syntax", "empty phrase"),
        ("x:\\u12", 2, "query.syntax", "four hexadecimal"),
        ("x:\\ud800", 2, "query.syntax", "half a character"),
        ("x\ud800", 1, "query.syntax", "Unicode"),
        ("x:a\\", 3, "query.syntax", "backslash"),
        (f"{STATUS}:abc", 26, "query.field", "is a number"),
        (f"{STATUS}:4*", 26, "query.field", "is a number"),
        ("a client.ip:10.0.0.300", 12, "query.field", "holds addresses"),
        ("sealtrail.import:yes", 17, "query.field", "true or false"),
        ("tags>a", 5, "query.field", "no order"),
        ("@timestamp:2026*", 11, "query.field", "no wildcards"),
        ("@timestamp:soon", 11, "query.time", "is not a time"),
        ("@timestamp>=2026-13-01", 12, "query.time", "is not a time"),
    ],
)
def test_an_error_points_at_the_column_and_says_what_would_work(text, column, code, words):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.code) == (column, code)
    assert words in caught.value.what


def test_the_caret_stands_under_the_place_even_behind_control_characters():
    with pytest.raises(QueryError) as caught:
        parse("a\tb\x1b[31m c:")
    lines = str(caught.value).splitlines()
    assert "\x1b" not in str(caught.value)
    assert lines[1].rstrip() == "  a b [31m c:"
    assert lines[2] == "  " + " " * caught.value.column + "^"


def test_a_hint_for_a_number_with_a_wildcard_is_a_query_that_works():
    with pytest.raises(QueryError) as caught:
        parse(f"{STATUS}:4*")
    assert f"{STATUS}>=400 and {STATUS}<500" in caught.value.hint
    parse(f"{STATUS}>=400 and {STATUS}<500")


def test_relative_times_become_absolute_when_the_present_is_given():
    assert parse("@timestamp>=2h", NOW) == Compare("@timestamp", ">=", "2026-11-24T06:00:00.000000Z")
    assert parse("@timestamp:yesterday", NOW) == Is("@timestamp", "2026-11-23")
    assert parse("@timestamp>=2h") == Compare("@timestamp", ">=", "2h")
    assert parse("user.id:2h", NOW) == Is("user.id", "2h")


@pytest.mark.parametrize(
    "text",
    [
        "x" * (parser_module.MAX_LENGTH + 1),
        "(" * (parser_module.MAX_DEPTH + 1) + "a",
        "not " * (parser_module.MAX_DEPTH + 1) + "a",
        "x:(" + "not " * (parser_module.MAX_DEPTH + 1) + "a)",
        " or ".join(f"a:{i}" for i in range(parser_module.MAX_LEAVES + 1)),
        " ".join("a" * (parser_module.MAX_TEXTS + 1)),
        "x:" + "a*" * (parser_module.MAX_WILDCARDS + 1),
        "a." * parser_module.MAX_PATH + "b:1",
    ],
)
def test_what_would_make_enormous_sql_is_refused(text):
    with pytest.raises(QueryError):
        parse(text)
