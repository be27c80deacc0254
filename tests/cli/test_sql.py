from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from sealtrail.store.confine import possible

Run = Callable[..., Result]
pytestmark = pytest.mark.skipif(bool(possible()), reason=possible() or "-")

BY_PATH = """
SELECT "url.path" AS path, count(*) AS n FROM events
WHERE "url.path" IS NOT NULL GROUP BY 1 ORDER BY 1
"""


def test_a_statement_is_answered_in_each_form(run: Run, data: Path) -> None:
    done = run("sql", BY_PATH, "--data", data, "-o", "json", "-n", "2")
    assert json.loads(done.stdout) == [{"path": "/invoices/17", "n": 1}, {"path": "/invoices/18", "n": 1}]
    assert done.stderr.startswith("the first 2 rows in ")
    lines = run("sql", BY_PATH, "--data", data, "-o", "jsonl").stdout.splitlines()
    assert json.loads(lines[-1]) == {"path": "/search", "n": 1}
    assert run("sql", BY_PATH, "--data", data, "-o", "csv").stdout.splitlines()[:2] == [
        "path,n",
        "/invoices/17,1",
    ]
    table = run("sql", BY_PATH, "--data", data).stdout.splitlines()
    assert [line.split() for line in table[:2]] == [["path", "n"], ["/invoices/17", "1"]]


def test_what_events_say_is_never_obeyed_by_a_terminal_or_a_spreadsheet(run: Run, data: Path) -> None:
    hostile = """
    SELECT chr(27) || '[2J' AS a, "user_agent.original" AS b FROM events WHERE "url.path" = '/search'
    """
    assert "\x1b" not in run("sql", hostile, "--data", data).stdout
    cells = run("sql", hostile, "--data", data, "-o", "csv").stdout.splitlines()[1]
    assert cells.endswith("'=cmd|'/c calc'!A1")


def test_a_refusal_has_its_place_and_its_exit_code(run: Run, data: Path) -> None:
    done = run("sql", "SELECT nothing FROM events", "--data", data)
    assert done.exit_code == 2
    assert "[query.sql]\n  SELECT nothing FROM events\n         ^" in done.stderr


def test_a_period_is_read_as_elsewhere(run: Run, data: Path) -> None:
    done = run(
        "sql", 'SELECT count("url.path") AS n FROM events', "--since", "2026-11-24T08:05:00Z",
        "--until", "2026-11-24T09:00:00Z", "--data", data, "-o", "json",
    )  # fmt: skip
    assert json.loads(done.stdout) == [{"n": 1}]
