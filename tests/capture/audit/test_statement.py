import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.capture.audit.statement import MAX_STATEMENT, dml, every


@pytest.mark.parametrize(
    ("sql", "verb", "table"),
    [
        ("INSERT INTO users (a) VALUES (1)", "create", "users"),
        ("insert or ignore into users values (1)", "create", "users"),
        ("REPLACE INTO `shop`.`users` VALUES (1)", "create", "shop.users"),
        ('UPDATE ONLY "auth"."users" SET a = 1', "update", "auth.users"),
        ("update [dbo].[users] set a = 1", "update", "dbo.users"),
        ("-- why\n/* and how */ DELETE FROM users", "delete", "users"),
        ("TRUNCATE TABLE users", "delete", "users"),
        ("MERGE INTO users USING x ON 1=1", "update", "users"),
        (
            "WITH old AS (SELECT id FROM logs) DELETE FROM users WHERE id IN (SELECT id FROM old)",
            "delete",
            "users",
        ),
    ],
)
def test_a_statement_that_changes_rows_tells_what_it_does_to_which_table(sql, verb, table):
    found = dml(sql)
    assert (found.verb, found.table) == (verb, table)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1",
        "BEGIN",
        "select 'delete from users'",
        "WITH a AS (SELECT 'update x') SELECT 1",
        "update",
    ],
)
def test_other_statements_are_none(sql):
    assert dml(sql) is None


@pytest.mark.parametrize(
    "literal",
    [
        "'secret'",
        "'it''s secret'",
        "E'a\\'secret'",
        "N'secret'",
        "$$secret$$",
        "$tag$it's secret$tag$",
        "'secret",
        "4111111111111111",
    ],
)
def test_no_value_is_left_in_a_statement(literal):
    found = dml(f"UPDATE users SET a = {literal} WHERE id = 17")
    assert found.text.startswith("UPDATE users SET a = ?")
    assert "secret" not in found.text
    assert "1" not in found.text


def test_names_and_parameters_keep_their_numbers():
    sql = "UPDATE t1 SET a2 = :p3, b = %(q4)s, c = $5 WHERE d6 = ?"
    assert dml(sql).text == sql


@given(st.text())
def test_any_text_is_read_without_raising_and_has_a_limit(text):
    found = dml("UPDATE users SET " + text)
    assert len(found.text) <= MAX_STATEMENT
    assert dml(text) is None or text


def test_a_long_statement_is_cut():
    assert len(dml("INSERT INTO t VALUES " + "(x)," * 100_000).text) == MAX_STATEMENT


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DELETE FROM users",
        ";;UPDATE users SET a = 1",
        "/*!50000 UPDATE users SET a = 1 */",
        "# why\nUPDATE users SET a = 1",
        "(DELETE FROM users)",
    ],
)
def test_a_statement_is_found_behind_others_and_in_comments_that_are_run(sql):
    assert [one.table for one in every(sql)] == ["users"]


def test_a_semicolon_in_a_literal_or_an_operator_ends_no_statement():
    assert len(every("UPDATE users SET a = ';DELETE FROM users'")) == 1
    assert every("UPDATE users SET a = b\n#> '{x}' WHERE id = 1")[0].text.endswith("WHERE id = ?")


def test_what_only_reads_is_not_looked_through_unless_more_follows(monkeypatch):
    monkeypatch.setattr("sealtrail.capture.audit.statement._one", lambda _: 1 / 0)
    assert every("SELECT 1 FROM users WHERE a = 'x'") == []
    with pytest.raises(ZeroDivisionError):
        every("SELECT 1; DELETE FROM users")
