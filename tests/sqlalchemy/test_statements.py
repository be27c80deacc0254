import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import sqlite

from sealtrail.sqlalchemy.statements import announced, of_statement, of_text

items = Table(
    "items",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("count", Integer),
    Column("kind", String),
    Column("secret", String),
)


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        items.create(connection)
        connection.execute(items.insert(), [{"id": n, "count": n, "kind": "a"} for n in (1, 2, 3)])
        yield connection
    engine.dispose()


def test_what_is_set_and_what_is_asked_for_are_told_apart_whatever_they_are_called(connection):
    statement = items.update().where(items.c.count == 2).values(count=items.c.count + 5)
    (made,) = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.table, made.rows) == ("update", "items", 1)
    assert made.details == {"criteria": "items.count = :count_1", "parameters": {"count_1": 2}}
    assert [change["new"] for change in made.change] == ["items.count + :count_1"]


def test_a_statement_that_is_run_for_many_parameters_names_the_columns(connection):
    statement = items.update().where(items.c.id == bindparam("number")).values(kind=bindparam("new"))
    ran = connection.execute(statement, [{"number": 1, "new": "b"}, {"number": 2, "new": "c"}])
    (made,) = of_statement(statement, ran, values=True)
    assert made.rows == 2
    assert made.details["parameters"] == [{"number": 1}, {"number": 2}]
    assert (made.details["executions"], made.details["columns"]) == (2, ["kind"])


def test_everything_may_be_deleted_without_criteria(connection):
    statement = items.delete()
    (made,) = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.rows, made.details) == ("delete", 3, {})


def test_one_inserted_row_has_its_key(connection):
    statement = items.insert().values(kind="z")
    (made,) = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.identity, made.rows) == ("create", "4", 1)


def test_rows_that_come_from_a_query_are_counted(connection):
    statement = items.insert().from_select(["count"], select(items.c.count))
    (made,) = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.rows) == ("create", 3)


def test_what_only_reads_is_none(connection):
    statement = select(items)
    assert of_statement(statement, connection.execute(statement), values=True) == []
    assert of_text("SELECT 1", 0) == []


def test_a_driver_that_does_not_count_counts_nothing():
    (made,) = of_text("DELETE FROM items", -1)
    assert made.said()["details"]["bulk"]
    assert "rows" not in made.said()["details"]


def test_several_statements_at_once_are_each_one(connection):
    found = of_text("SELECT 1; DELETE FROM items; UPDATE items SET kind = 'x'", 5)
    assert [(one.verb, one.counted()) for one in found] == [("delete", None), ("update", None)]


def test_rows_that_come_back_are_counted_once_they_were_read(connection):
    statement = items.delete().returning(items.c.id)
    ran = connection.execute(statement)
    (made,) = of_statement(statement, ran, values=True)
    assert len(ran.all()) == made.counted() == 3


@pytest.mark.parametrize(
    "statement",
    [
        items.update().values(kind=func.upper("s3cret")),
        items.update().where(items.c.kind == func.upper("s3cret")).values(count=1),
        sqlite.insert(items)
        .values(id=1)
        .on_conflict_do_update(index_elements=["id"], set_={"kind": "s3cret"}),
        items.insert().from_select(["kind"], select(literal("s3cret"))),
        items.insert().values([{"kind": "s3cret"}, {"kind": "b"}]),
        items.update().where(items.c.id == 1).values(kind=select(literal("s3cret")).scalar_subquery()),
        text("UPDATE items SET kind = upper(:p)").bindparams(p="s3cret"),
    ],
)
def test_a_value_whose_column_is_not_known_is_left_out(connection, statement):
    (made,) = of_statement(statement, connection.execute(statement), values=True)
    assert "s3cret" not in str(made)


@pytest.mark.parametrize(
    ("statement", "given"),
    [
        ("UPDATE items SET secret = :p WHERE id = :i", {"p": "s3cret", "i": 1}),
        ("INSERT INTO items (id, secret) VALUES (:i, :p)", {"p": "s3cret", "i": 9}),
        ('UPDATE items SET kind = 1 WHERE "secret" in (:p) AND id=:i', {"p": "s3cret", "i": 1}),
    ],
)
def test_a_parameter_is_what_its_column_is(connection, statement, given):
    clause = text(statement)
    (made,) = of_statement(clause, connection.execute(clause, given), values=True)
    assert made.details["parameters"] == {"p": "?", "i": given["i"]}


def test_a_parameter_with_a_name_of_its_own_belongs_to_its_column(connection):
    statement = items.update().where(items.c.secret == bindparam("a")).values(secret=bindparam("b"))
    (made,) = of_statement(statement, connection.execute(statement, {"a": "x", "b": "y"}), values=True)
    assert made.details["parameters"] == {"a": "?"}
    assert made.change == [{"path": "secret", "new": "y"}]  # scrubbed by its name


def test_what_is_announced_says_what_will_be_done_to_which_table():
    said = [
        (one.verb, one.table, one.details["statement"])
        for clause in (
            items.delete().where(items.c.id == 1),
            text("SELECT 1; UPDATE items SET id = 7"),
            select(items),
        )
        for one in announced(clause)
    ]
    assert said == [
        ("delete", "items", "DELETE FROM items WHERE items.id = :id_1"),
        ("update", "items", "UPDATE items SET id = ?"),
    ]
