from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sealtrail.cli.main import main

Run = Callable[..., Result]

SECRET = "Tr0ub4dor-3xk9"


def test_what_is_kept_goes_out_and_what_was_removed_is_named_beside_it(run: Run) -> None:
    done = run("scrub", "--text", f"alice signed in, password={SECRET}")
    assert done.exit_code == 0
    assert done.stdout == "alice signed in, password=[redacted:password]\n"
    assert "removed from message by rule password" in done.stderr
    assert "engine: " in done.stderr
    assert SECRET not in done.output


def test_a_program_is_told_the_engine_the_value_and_each_note(run: Run) -> None:
    done = run("scrub", "--text", json.dumps({"user": {"pin": "4821"}, "page": 2}), "-o", "json")
    assert json.loads(done.stdout) == {
        "engine": json.loads(done.stdout)["engine"],
        "results": [
            {
                "as": "json",
                "kept": {"user": {"pin": "[redacted:pin]"}, "page": 2},
                "notes": [{"field": "sealtrail.details.user.pin", "rule": "pin"}],
                "cut": False,
            }
        ],
    }
    assert json.loads(done.stdout)["engine"] in {"hyperscan", "standard"}
    assert done.stderr == ""


def test_files_are_read_whole_or_line_by_line(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b'{"token": "abcdef123"}\nplain \xff line\n')
    whole = run("scrub", log)
    assert whole.stdout == '{"token": "[redacted:token]"}\nplain \\xff line\n'
    lines = json.loads(run("scrub", "--lines", log, "-o", "json").stdout)["results"]
    assert [line["as"] for line in lines] == ["json", "text"]
    assert lines[0]["kept"] == {"token": "[redacted:token]"}


def test_standard_input_is_read_where_nothing_else_is_named() -> None:
    done = CliRunner().invoke(main, ["scrub", "--as", "query"], input="page=2&token=abc\n")
    assert done.stdout == "page=2&token=[redacted:token]\n"


@pytest.mark.parametrize(("text", "code"), [("nothing here", 0), ("pin=4821", 1)])
def test_a_check_ends_with_1_where_anything_would_go(run: Run, text: str, code: int) -> None:
    assert run("scrub", "--check", "--text", text).exit_code == code
    assert run("scrub", "--text", text).exit_code == 0


def test_nothing_that_is_read_steers_the_terminal(run: Run) -> None:
    done = run("scrub", "--text", "a\x1b[2Jb\u202ec\td\nnext")
    assert done.stdout == "a\\u001b[2Jb\\u202ec\td\nnext\n"


def test_what_is_no_json_is_refused_with_a_designed_error(run: Run) -> None:
    done = run("scrub", "--as", "json", "--text", "{")
    assert done.exit_code == 2
    assert "[usage.argument]" in done.stderr


def test_too_long_a_text_is_said_to_be_cut(run: Run) -> None:
    done = run("scrub", "--text", "word " * 4000)
    assert "left out: too long" in done.stdout
    assert "--lines" in done.stderr
