import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, create_engine, select

from sealtrail.sqlalchemy.statements import of_statement, of_text

items = Table(
    "items",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("count", Integer),
    Column("kind", String),
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
    made = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.table, made.rows) == ("update", "items", 1)
    assert made.details == {"criteria": "items.count = :count_1", "parameters": {"count_1": 2}}
    assert [change["new"] for change in made.change] == [5]


def test_a_statement_that_is_run_for_many_parameters_names_the_columns(connection):
    statement = items.update().where(items.c.id == bindparam("number")).values(kind=bindparam("new"))
    ran = connection.execute(statement, [{"number": 1, "new": "b"}, {"number": 2, "new": "c"}])
    made = of_statement(statement, ran, values=True)
    assert made.rows == 2
    assert made.details["parameters"] == {"number": 1}
    assert made.details["columns"] == ["new"]


def test_everything_may_be_deleted_without_criteria(connection):
    statement = items.delete()
    made = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.rows, made.details) == ("delete", 3, {})


def test_one_inserted_row_has_its_key(connection):
    statement = items.insert().values(kind="z")
    made = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.identity, made.rows) == ("create", "4", 1)


def test_rows_that_come_from_a_query_are_counted(connection):
    statement = items.insert().from_select(["count"], select(items.c.count))
    made = of_statement(statement, connection.execute(statement), values=True)
    assert (made.verb, made.rows) == ("create", 3)


def test_what_only_reads_is_none(connection):
    statement = select(items)
    assert of_statement(statement, connection.execute(statement), values=True) is None
    assert of_text("SELECT 1", 0) is None


def test_a_driver_that_does_not_count_counts_nothing():
    assert of_text("DELETE FROM items", -1).rows == 0
