"""What a query can reach, even if it were not ours."""

from __future__ import annotations

import threading

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sealtrail.errors import BusyError, QueryError, UsageError
from sealtrail.store.engine import Engine


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1, 2]}), folder / "in.parquet")
    pq.write_table(pa.table({"a": [3]}), tmp_path / "out.parquet")
    (tmp_path / "store-neighbour").mkdir()
    pq.write_table(pa.table({"a": [4]}), tmp_path / "store-neighbour" / "out.parquet")
    return folder


@pytest.fixture
def engine(folder):
    made = Engine(folder)
    yield made
    made.close()


def test_a_segment_of_the_folder_is_read(engine, folder):
    with engine.cursor() as cursor:
        assert cursor.execute(
            "SELECT sum(a) FROM read_parquet(?)", [[str(folder / "in.parquet")]]
        ).fetchall() == [(3,)]


@pytest.mark.parametrize("outside", ["out.parquet", "store-neighbour/out.parquet", "store/../out.parquet"])
def test_nothing_outside_the_folder_is_read(engine, tmp_path, outside):
    with engine.cursor() as cursor, pytest.raises(duckdb.PermissionException):
        cursor.execute("SELECT * FROM read_parquet(?)", [[str(tmp_path / outside)]])


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET threads = 1",
        "RESET lock_configuration",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/sealtrail-out.csv'",
        "ATTACH '/tmp/sealtrail-out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://127.0.0.1/x.parquet'",
    ],
)
def test_settings_files_and_extensions_are_out_of_reach(engine, statement):
    with pytest.raises((duckdb.Error, UsageError)), engine.cursor() as cursor:
        cursor.execute(statement).fetchall()


def test_a_python_variable_is_not_a_table(engine):
    rows = pa.table({"a": [1]})
    assert rows.num_rows == 1
    with engine.cursor() as cursor, pytest.raises(duckdb.CatalogException):
        cursor.execute("SELECT * FROM rows")


def test_what_one_cursor_registers_no_other_sees(engine):
    with engine.cursor() as one, engine.cursor() as other:
        one.register("live", pa.table({"a": [1]}))
        assert one.execute("SELECT a FROM live").fetchall() == [(1,)]
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT a FROM live")


def test_a_query_that_wants_too_much_memory_is_refused_and_the_next_one_runs(folder):
    engine = Engine(folder, memory_megabytes=20)
    with pytest.raises(QueryError) as caught, engine.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT DISTINCT hash(range) FROM range(20000000))").fetchall()
    assert caught.value.code == "query.too-large"
    with engine.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    engine.close()


def test_a_file_that_is_no_segment_is_an_error_that_says_rebuild(engine, folder):
    (folder / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(UsageError) as caught, engine.cursor() as cursor:
        cursor.execute("SELECT * FROM read_parquet(?)", [[str(folder / "bad.parquet")]]).fetchall()
    assert caught.value.code == "usage.format"


def test_a_question_is_given_up_when_it_is_told_to_and_housework_is_not(engine):
    endless = "SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3"
    asked, over = threading.Event(), threading.Event()
    told: list[str] = []

    def ask() -> None:
        try:
            with engine.cursor() as cursor:
                asked.set()
                cursor.execute(endless).fetchall()
        except BusyError as error:
            told.append(error.code)
        over.set()

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait()
    with engine.cursor(question=False) as cursor:
        while not over.wait(0.01):  # it may not have begun to run when it is told for the first time
            engine.interrupt()
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    thread.join()
    assert told == ["busy.stopping"]
    with engine.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
