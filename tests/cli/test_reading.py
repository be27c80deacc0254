from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from sealtrail.cli.output import safe

Run = Callable[..., Result]


def test_search_finds_the_newest_first_and_says_what_ran(run: Run, data: Path) -> None:
    done = run("search", "http.request.method:GET", "--data", data, "-o", "jsonl")
    paths = [json.loads(line)["url.path"] for line in done.stdout.splitlines()]
    assert (done.exit_code, paths) == (0, ["/search", "/invoices/18", "/invoices/17"])
    assert "`http.request.method:GET`" in done.stderr


def test_every_result_carries_its_permanent_address(run: Run, data: Path) -> None:
    (row,) = json.loads(run("search", "user.name:alice", "--data", data, "-o", "json").stdout)
    assert (row["sealtrail.trail"], row["sealtrail.index"]) == ("access", 2)


def test_raw_gives_the_bytes_that_are_hashed(run: Run, data: Path) -> None:
    line = run("search", "user.name:alice", "--data", data, "-o", "raw").stdout
    assert line.endswith('"sealtrail.source":"import"}\n')
    assert "sealtrail.index" not in line


def test_a_period_narrows_what_is_found(run: Run, data: Path) -> None:
    done = run(
        "count",
        "url.path:*",  # the import itself was recorded as well, at whatever time it is
        "--since",
        "2026-11-24T08:05:00Z",
        "--until",
        "2026-11-24T09:00:00Z",
        "--data",
        data,
        "-o",
        "json",
    )
    assert json.loads(done.stdout) == [{"count": 1}]


def test_count_by_a_field_and_by_time(run: Run, data: Path) -> None:
    by = json.loads(run("count", "url.path:*", "--by", "client.ip", "--data", data, "-o", "json").stdout)
    assert by[0] == {"client.ip": "203.0.113.9", "count": 2}
    every = json.loads(run("count", "url.path:*", "--every", "1h", "--data", data, "-o", "json").stdout)
    assert every == [
        {"@timestamp": "2026-11-24T08:00:00.000000Z", "count": 3},
        {"@timestamp": "2026-11-24T09:00:00.000000Z", "count": 1},
    ]


def test_two_questions_at_once_are_refused(run: Run, data: Path) -> None:
    assert run("count", "*", "--by", "user.id", "--every", "5m", "--data", data).exit_code == 2


def test_nothing_found_is_an_error_only_when_asked(run: Run, data: Path) -> None:
    assert run("search", "user.id:nobody", "--data", data).exit_code == 0
    assert run("search", "user.id:nobody", "--data", data, "--fail-empty").exit_code == 1


def test_a_query_that_cannot_be_read_is_shown_with_a_caret(run: Run, data: Path) -> None:
    done = run("search", "status:(200 or", "--data", data)
    assert done.exit_code == 2
    assert "query.syntax" in done.stderr
    assert "^" in done.stderr


def test_a_folder_that_is_not_there_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("search", "*", "--data", tmp_path / "none")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "sealtrail serve" in done.stderr


def test_csv_cannot_carry_a_formula_into_a_spreadsheet(run: Run, data: Path) -> None:
    text = run("search", "user_agent.original:*calc*", "--data", data, "-o", "csv").stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["user_agent.original"].startswith("'=cmd")


def test_the_table_shows_one_row_an_event(run: Run, data: Path) -> None:
    lines = run("search", "*", "--data", data, "-n", "2").stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:3] == ["time", "address", "action"]


def test_tail_shows_the_latest_oldest_first(run: Run, data: Path) -> None:
    lines = run("tail", "url.path:*", "-n", "2", "--data", data).stdout.splitlines()
    assert ["/login" in lines[0], "/search" in lines[1]] == [True, True]


def test_what_an_event_says_cannot_command_a_terminal() -> None:
    hostile = "\x1b[2J\x9b31m\u202e\u200bok\r\n"
    assert safe(hostile) == "\\u001b[2J\\u009b31m\\u202e\\u200bok\\u000d\\u000a"
    assert safe("x" * 50, 10) == "x" * 9 + "…"
