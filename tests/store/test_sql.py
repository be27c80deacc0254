"""Nothing a user writes becomes SQL."""

from __future__ import annotations

import pytest

from sealtrail.errors import QueryError
from sealtrail.store.query import Is, Not, parse, where
from sealtrail.store.query.parser import MAX_LEAVES
from sealtrail.store.query.sql import elements

EVIL = "zz'\"); DROP TABLE live; --"


@pytest.mark.parametrize("field", ["user.id", "message", "tags", "made.up", EVIL])
@pytest.mark.parametrize("form", ['{}:"{}"', '{}>"{}"', 'not {}:"{}"'])
def test_values_and_unknown_names_are_bound_never_written(field, form):
    if field == "tags" and ">" in form:
        field = "user.id"
    name = "".join(c if c.isalnum() or c == "." else "\\" + c for c in field)
    condition, parameters = where(parse(form.format(name, EVIL.replace('"', '\\"'))))
    assert "zz" not in condition
    assert "DROP" not in condition
    assert any("drop" in str(parameter).lower() for parameter in parameters)
    assert condition.count("?") == len(parameters)


def test_a_bare_word_is_looked_for_only_where_there_is_anything():
    condition, parameters = where(parse("needle"), present=frozenset({"user.id", "tags"}))
    assert condition == (
        '(contains(lower(array_to_string("tags", chr(10))), ?) OR contains(lower("user.id"), ?))'
    )
    assert parameters == ["needle", "needle"]
    assert where(parse("needle"), present=frozenset()) == ("false", [])


def test_not_holds_where_the_field_is_missing():
    assert where(Not(Is("user.id", "a"))) == ('NOT coalesce("user.id" = ?, false)', ["a"])


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("url.path:/a*", 'starts_with("url.path", ?)'),
        ("url.path:*a", 'ends_with("url.path", ?)'),
        ("url.path:*a*", 'contains("url.path", ?)'),
        ("url.path:a*b", "\"url.path\" LIKE ? ESCAPE '\\'"),
    ],
)
def test_the_plain_wildcards_use_the_plain_functions(text, condition):
    assert where(parse(text))[0] == condition


def test_a_path_is_a_pointer_in_which_no_key_can_lead_astray():
    parameters = []
    elements('a/b~c."d', parameters)
    assert parameters == ['/a~1b~0c."d', '/a~1b~0c/"d']


def test_a_condition_that_its_type_forbids_is_refused_here_too():
    with pytest.raises(QueryError):
        where(Is("client.ip", "nobody"))


def test_the_largest_query_allowed_is_one_the_database_takes():
    import duckdb

    from sealtrail.store.columns import SCHEMA

    database = duckdb.connect(":memory:")
    database.register("live", SCHEMA.empty_table())
    wide = " or ".join(f"user.id:u{i}" for i in range(MAX_LEAVES))
    deep = "not (" * 24 + "user.id:a" + ")" * 24
    for text in (wide, deep, " ".join(f"word{i}" for i in range(20))):
        condition, parameters = where(parse(text))
        database.execute(f"SELECT count(*) FROM live WHERE {condition}", parameters)
