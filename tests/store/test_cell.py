"""What one SELECT answers. Here without the kernel's locks; tests/serve/test_selecting.py has them."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from sealtrail.event import Batch, Entry, canonical
from sealtrail.event.fields import FIELDS
from sealtrail.store import cell
from sealtrail.store.columnar import ColumnarStore, Limits
from sealtrail.store.query.times import SECOND, stamp
from sealtrail.store.wire import End, Fault, Head, Job, Rows

SMALL = Limits(segment_rows=10, target_rows=200)


def _batch(first: int, rows: int) -> Batch:
    entries = []
    for index in range(first, first + rows):
        fields = {
            "@timestamp": stamp(index * SECOND),
            "user.id": f"u{index % 3}",
            "sealtrail.kind": "alert" if index == 4 else "request",
            "http.response.status_code": 200 + index,
            "event.category": ["web", "api"],
            "sealtrail.import": index == 0,
            "shop.basket": {"items": index},
        }
        entries.append(Entry("access", index, canonical(fields), fields))
    return Batch(tuple(entries), {"access": first}, {"access": first + rows})


@pytest.fixture
def store(tmp_path):
    """Ten entries in a segment and two beside it."""
    made = ColumnarStore.open(tmp_path / "store", limits=SMALL)
    made.handle(_batch(0, 10))
    made.handle(_batch(10, 2))
    yield made
    made.close()


@pytest.fixture
def told(store):
    """Every message for a statement."""

    def ask(statement: str, *, rows: int = 100, since: int | None = None, until: int | None = None):
        with store.lend(since=since, until=until) as loan:
            job = Job(
                statement, 0, rows, 60.0, 256 << 20, 1, loan.segments, loan.live, loan.floors, since, until
            )
            files = [cell._mapped(file) for file in loan.segments]
            try:
                return list(cell.answer(job, files, cell._mapped(loan.live), []))
            except cell.QueryError as error:
                return [Fault(error.code, error.what, error.column)]

    return ask


@pytest.fixture
def rows(told):
    def ask(statement: str, **options):
        head, *more, end = told(statement, **options)
        assert isinstance(head, Head), head
        assert isinstance(end, End), end
        return [row for message in more for row in message.rows]

    return ask


@pytest.fixture
def fault(told):
    def ask(statement: str, **options):
        found = told(statement, **options)[-1]
        assert isinstance(found, Fault), found
        return found

    return ask


def test_one_statement_sees_segments_and_live_rows_and_none_twice(rows):
    assert rows('SELECT count(*), count(DISTINCT "sealtrail.index") FROM events') == [[12, 12]]


def test_every_field_has_its_column_under_its_own_name(rows):
    described = {name: type_ for name, type_, *_ in rows("DESCRIBE events", rows=1000)}
    assert set(described) == set(cell.COLUMNS)
    assert {name for name, field in FIELDS.items() if field.type != "json"} <= set(described)
    assert described == cell.COLUMNS


def test_alerts_are_a_view_of_their_own(rows):
    assert rows('SELECT "sealtrail.index" FROM alerts') == [[4]]


def test_what_has_no_column_is_read_by_path(rows):
    assert rows(
        """SELECT (rest->>'$."shop.basket".items')::INT AS n FROM events ORDER BY n DESC LIMIT 1"""
    ) == [[11]]


def test_a_period_holds_for_every_relation_a_statement_can_name(rows):
    period = {"since": 8 * SECOND, "until": 11 * SECOND}
    assert rows('SELECT "sealtrail.index" FROM events ORDER BY 1', **period) == [[8], [9], [10]]
    assert rows("SELECT count(*) FROM segments", **period) == [[2]]
    assert rows("SELECT count(*) FROM live", **period) == [[1]]


def test_forgotten_entries_are_in_no_relation_a_statement_can_name(store, rows):
    store.forget("access", 7)
    assert rows('SELECT min("sealtrail.index"), count(*) FROM events') == [[7, 5]]
    assert rows('SELECT min("sealtrail.index") FROM segments') == [[7]]


def test_an_index_without_entries_answers_too(tmp_path):
    store = ColumnarStore.open(tmp_path / "empty")
    with store.lend() as loan:
        job = Job("SELECT count(*) FROM events", 0, 9, 60.0, 256 << 20, 1, [], loan.live, {})
        messages = list(cell.answer(job, [], cell._mapped(loan.live), ["Landlock"]))
    store.close()
    assert messages == [Head([("count_star()", "BIGINT")], ["Landlock"]), Rows([[0]]), End(more=False)]


def test_only_so_many_rows_are_given_and_that_is_said(told):
    *_, some, end = told("SELECT i FROM range(1000000000000) t(i)", rows=3)
    assert (some, end) == (Rows([[0], [1], [2]]), End(more=True))
    assert told("SELECT i FROM range(3) t(i)", rows=3)[-1] == End(more=False)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true", True),
        ("NULL", None),
        ("1.5", 1.5),
        ("sum(1)", 1),
        ("9007199254740992", 9007199254740992),
        ("9007199254740993", "9007199254740993"),
        ("1e18::HUGEINT * 100000", "100000000000000000000000"),
        ("'nan'::DOUBLE", "nan"),
        ("'-inf'::DOUBLE", "-inf"),
        ("'a\u00e4\u0000b'", "aä\0b"),
        ("'ab'::BLOB", "6162"),
        ("DATE '2026-01-02'", "2026-01-02"),
        ("TIME '10:00:00'", "10:00:00"),
        ("TIMESTAMP '2026-01-02 03:04:05'", "2026-01-02T03:04:05.000000Z"),
        ("TIMESTAMPTZ '2026-01-02 03:04:05+02'", "2026-01-02T01:04:05.000000Z"),
        ("TIMESTAMP_NS '2026-01-02 03:04:05.123456789'", "2026-01-02T03:04:05.123456Z"),
        ("TIMESTAMP 'infinity'", "9223372036854775807"),
        ("[1, NULL]", [1, None]),
        ("{'a': TIMESTAMPTZ '2026-01-02 03:04:05Z'}", {"a": "2026-01-02T03:04:05.000000Z"}),
        ("MAP {'a': 1}", [["a", 1]]),
        ("'{\"a\": 1}'::JSON", '{"a": 1}'),
        ("INTERVAL 1 MONTH", "MonthDayNano(months=1, days=0, nanoseconds=0)"),
    ],
)
def test_every_kind_of_value_becomes_json(rows, expression, value):
    assert rows(f"SELECT {expression}") == [[value]]


def test_a_decimal_keeps_its_value():
    assert cell._plain(Decimal(10)) == 10
    assert cell._plain(Decimal("0.25")) == 0.25


def test_columns_of_one_name_are_told_apart(told):
    assert [name for name, _ in told("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a")[0].columns] == [
        "a",
        "a_2",
        "a_2_2",
        "a_3",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY events TO '/tmp/x'",
        "COPY events TO '/tmp/x'",
        "COPY (SELECT 1) TO '/dev/stdout'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO live VALUES (1)",
        "DROP VIEW events",
        "EXPORT DATABASE '/tmp/x'",
        "IMPORT DATABASE '/tmp/x'",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "USE memory",
        "VACUUM",
        "CHECKPOINT",
        "BEGIN",
        "PREPARE a AS SELECT 1",
        'PIVOT events ON "user.id" USING count(*)',
    ],
)
def test_what_is_not_one_select_is_refused(fault, statement):
    assert fault(statement).code == "query.not-select"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_parquet('store/*.parquet')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM read_csv('/dev/stdin')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x')",
        "SELECT * FROM sqlite_scan('/tmp/a.db', 't')",
        "SELECT * FROM query('COPY events TO ''/tmp/x''')",
        "SELECT * FROM query_table('/etc/passwd')",
        "SELECT getenv('HOME')",
        "WITH a AS (INSERT INTO live VALUES (1) RETURNING *) SELECT 1",
        "SELECT ?",
    ],
)
def test_a_select_reaches_nothing_but_the_index(fault, statement):
    assert fault(statement).code == "query.sql"


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("SELECT nothing FROM events", 7),
        ("SELECT 'ä',\n  nothing FROM events", 14),
        ("SELEC 1", 0),
        ("SELECT http.response.status_code FROM events", 7),
        ("SELECT error('x')", -1),
    ],
)
def test_a_refusal_says_where_in_characters(fault, statement, position):
    assert fault(statement).position == position


def test_advice_that_nobody_here_can_follow_is_left_out(fault):
    assert "INSTALL" not in fault("SELECT * FROM sqlite_scan('a', 'b')").what


def test_too_much_memory_is_refused_by_name(fault):
    assert fault("SELECT list(i) FROM range(100000000) t(i)").code == "query.too-large"
    assert cell._fault(duckdb.OutOfMemoryException("x"), "").code == "query.too-large"


def test_a_segment_that_is_none_is_told_apart_from_a_bad_statement(store, fault):
    (segment,) = [path for path in store._folder.iterdir() if path.suffix == ".parquet"]
    whole = segment.read_bytes()
    segment.write_bytes(b"x" * len(whole))
    assert fault("SELECT count(*) FROM events").code == "usage.format"
    segment.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    assert fault("SELECT * FROM events").code == "usage.format"
