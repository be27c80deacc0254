"""One SELECT, asked of a real locked-in process over a real data folder."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from sealtrail.errors import BusyError, QueryError, UsageError
from sealtrail.serve import housekeeping, selecting
from sealtrail.store import columnar
from sealtrail.store.columnar import Limits
from sealtrail.store.confine import possible
from sealtrail.store.wire import Fault
from sealtrail.web.protocols import Column

pytestmark = pytest.mark.skipif(bool(possible()), reason=possible() or "-")


@pytest.fixture
def folder(collecting, line):
    """A collector with twenty entries, live and open for writing."""
    with collecting() as collector:
        collector.submit("key:1", [line(seq, **{"user.id": f"u{seq % 2}"}) for seq in range(20)])
        assert collector.settle()
        yield collector


def test_an_answer_has_named_columns_with_types_and_rows(folder):
    answer = selecting.select(
        folder.reading,
        """SELECT "user.id", count(*) AS n FROM events WHERE "user.id" IS NOT NULL GROUP BY 1 ORDER BY 1""",
    )
    assert answer.columns == [Column("user.id", "VARCHAR"), Column("n", "BIGINT")]
    assert answer.rows == [["u0", 10], ["u1", 10]]
    assert (answer.more, answer.missing) == (False, [])


def test_a_period_and_a_number_of_rows_bound_the_answer(folder):
    answer = selecting.select(
        folder.reading,
        'SELECT "event.id" FROM events ORDER BY 1',
        since="2026-01-01T00:00:05Z",
        until="2026-01-01T00:00:10Z",
        rows=3,
    )
    assert (answer.rows, answer.more) == ([["e-5"], ["e-6"], ["e-7"]], True)


def test_entries_are_seen_wherever_they_are_while_segments_come_and_go(
    collecting, line, monkeypatch: pytest.MonkeyPatch
):
    limits = Limits(segment_rows=20, target_rows=200, grace_seconds=0.0)
    monkeypatch.setattr(columnar, "Limits", lambda: limits)
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.01)
    question = (
        """SELECT count(*), count(DISTINCT "event.id") FROM events WHERE "sealtrail.kind" = 'request'"""
    )
    with collecting() as collector:
        done = threading.Event()

        def write() -> None:
            seq = 0
            while not done.is_set() and seq < 20_000:
                collector.submit("key:1", [line(seq + n) for n in range(5)])
                seq += 5

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = [selecting.select(collector.reading, question).rows[0] for _ in range(4)]
        finally:
            done.set()
            writer.join()
        assert all(rows == different for rows, different in seen)
        assert seen == sorted(seen)
        assert collector.settle(60)
        assert selecting.select(collector.reading, question).rows[0][0] == collector.reading.count(
            "sealtrail.kind:request"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{root}/stolen.csv'",
        "SELECT * FROM read_text('{root}/keys/*')",
        "SELECT * FROM read_csv('/proc/self/environ')",
        "SELECT * FROM read_parquet('{root}/store/*.parquet')",
        "SELECT * FROM glob('{root}/**')",
        "SELECT 1; COPY events TO '{root}/stolen.csv'",
        "ATTACH '{root}/stolen.db'",
        "EXPORT DATABASE '{root}/stolen'",
        "SET enable_external_access = true",
    ],
)
def test_a_statement_takes_and_leaves_nothing_in_the_data_folder(folder, statement):
    before = sorted(path.name for path in folder.folder.root.iterdir())
    with pytest.raises(QueryError) as refused:
        selecting.select(folder.reading, statement.replace("{root}", str(folder.folder.root)))
    assert refused.value.code in {"query.sql", "query.not-select"}
    assert sorted(path.name for path in folder.folder.root.iterdir()) == before


def test_the_process_has_no_environment_and_no_statement_in_its_arguments(folder, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_KEY", "st_secret")
    told: list[tuple[bytes, bytes]] = []
    tell = selecting._tell

    def watched(cell, job):
        place = Path(f"/proc/{cell.pid}")
        told.append(((place / "environ").read_bytes(), (place / "cmdline").read_bytes()))
        tell(cell, job)

    monkeypatch.setattr(selecting, "_tell", watched)
    selecting.select(folder.reading, "SELECT 'unmistakable'")
    assert told[0][0] == b""
    assert b"sealtrail.store.cell" in told[0][1]
    assert b"unmistakable" not in told[0][1]


def test_a_statement_without_end_is_ended_and_its_process_gone(folder, monkeypatch):
    started = []
    popen = selecting.subprocess.Popen
    monkeypatch.setattr(
        selecting.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )
    with pytest.raises(QueryError) as slow:
        selecting.select(
            folder.reading,
            "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
            seconds=2.0,
        )
    assert slow.value.code == "query.too-slow"
    assert "--timeout" in slow.value.hint
    assert started[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT repeat('x', 2000000000)",
        "SELECT repeat('x', 100000000) FROM range(100)",
        "SELECT repeat('x', 1000000) FROM range(1000)",
        "SELECT list(i) FROM range(1000000000) t(i)",
        "SELECT count(*) FROM (SELECT DISTINCT hash(i), i FROM range(100000000) t(i))",
    ],
)
def test_a_statement_that_needs_too_much_is_refused_and_the_next_one_answered(folder, statement):
    with pytest.raises(QueryError) as large:
        selecting.select(folder.reading, statement, seconds=selecting.MAX_SECONDS)
    assert large.value.code in {"query.too-large", "query.died"}
    assert selecting.select(folder.reading, "SELECT 1").rows == [[1]]


def test_a_refusal_shows_the_line_and_the_place(folder):
    with pytest.raises(QueryError) as refused:
        selecting.select(folder.reading, "SELECT 1,\n  nothing\nFROM events")
    assert str(refused.value).splitlines()[-3:-1] == ["    nothing", "    ^"]


def test_only_so_many_run_at_one_time(folder, monkeypatch):
    monkeypatch.setattr(selecting, "_running", threading.BoundedSemaphore(1))
    selecting._running.acquire()
    with pytest.raises(BusyError) as busy:
        selecting.select(folder.reading, "SELECT 1")
    assert busy.value.code == "busy.query"
    selecting._running.release()
    for statement in ("SELECT 1", "SELEC 1", "SELECT 1"):
        try:
            selecting.select(folder.reading, statement)
        except QueryError as error:
            assert error.code == "query.sql"


def test_nothing_that_was_lent_stays_open(folder):
    def lent() -> list[str]:
        links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return [link for link in links if "memfd:live" in link or link.endswith(".parquet")]

    folder.store.flush()
    with folder.reading.lend():
        assert len(lent()) == 2
    selecting.select(folder.reading, "SELECT 1")
    with pytest.raises(QueryError):
        selecting.select(folder.reading, "SELEC")
    assert not lent()


@pytest.mark.parametrize(
    ("statement", "options", "code"),
    [
        ("SELECT 1", {"rows": 0}, "usage.argument"),
        ("SELECT 1", {"rows": selecting.MAX_ROWS + 1}, "usage.argument"),
        ("SELECT 1", {"seconds": 0.0}, "usage.argument"),
        ("SELECT 1", {"seconds": float("nan")}, "usage.argument"),
        ("SELECT 1", {"seconds": 1e9}, "usage.argument"),
        ("SELECT '\udcff'", {}, "query.sql"),
        ("SELECT " + "1" * selecting.MAX_STATEMENT, {}, "query.sql"),
        ("SELECT 1", {"since": "whenever"}, "query.time"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_process_is_started(
    folder, monkeypatch, statement, options, code
):
    monkeypatch.setattr(selecting, "_run", lambda *_: pytest.fail("it was run"))
    with pytest.raises((QueryError, UsageError)) as refused:
        selecting.select(folder.reading, statement, **options)
    assert refused.value.code == code


def test_a_server_that_stops_does_not_wait_for_a_statement(folder):
    looks = iter([False, True])
    with pytest.raises(BusyError) as stopped:
        selecting.select(
            folder.reading,
            "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
            stopping=lambda: next(looks, True),
        )
    assert stopped.value.code == "busy.stopping"


def test_without_the_locks_nothing_is_run(folder, monkeypatch):
    monkeypatch.setattr(selecting, "possible", lambda: "this system has none")
    monkeypatch.setattr(selecting, "_run", lambda *_: pytest.fail("it was run"))
    with pytest.raises(UsageError) as refused:
        selecting.select(folder.reading, "SELECT 1")
    assert refused.value.code == "usage.sandbox"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\n",
        b'{"type":"rows","rows":[[1]]}\n{"type":"end","more":false}\n',
        b'{"type":"head","columns":[["a","INTEGER"]],"missing":[]}\n',
        b'{"type":"head","columns":[],"missing":[]}\n{"type":"rows","rows":[[1]]}\n{"type":"end","more":false}\n',
        b'{"type":"fault","code":"event.torn","what":"x"}\n',
        b'{"type":"other"}\n',
    ],
)
def test_an_answer_of_another_form_is_no_answer(said):
    with pytest.raises(QueryError) as died:
        selecting._understood(said, "SELECT 1")
    assert died.value.code == "query.died"


def test_what_the_process_reports_is_told_with_its_place_and_advice():
    error = selecting._reported(Fault("query.sql", "no", 7), "SELECT x")
    assert isinstance(error, QueryError)
    assert (error.query, error.column) == ("SELECT x", 7)
    assert selecting._reported(Fault("usage.sandbox", "no", -1), "").code == "usage.sandbox"
    beyond = selecting._reported(Fault("query.sql", "no", 9999), "SELECT x")
    assert isinstance(beyond, QueryError)
    assert beyond.query == ""


def test_a_process_that_cannot_begin_says_why(folder, monkeypatch, tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'no such module' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(selecting.sys, "executable", str(script))
    with pytest.raises(QueryError) as died:
        selecting.select(folder.reading, "SELECT 1")
    assert died.value.code == "query.died"
    assert "ended with 3: no such module" in died.value.what
