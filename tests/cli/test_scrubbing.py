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


def test_a_check_of_lines_names_the_lines(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\r\n\npin=4821\r\nfour\x0cfour\npin=4822 a@b.de\n" + b"pin=4823\n" * 30)
    done = run("scrub", "--check", "--lines", log)
    assert done.exit_code == 1
    assert f"removed from message by rule email: {log}:5\n" in done.stderr
    assert f"removed from message by rule pin: {log}:3, {log}:5, {log}:6, " in done.stderr
    assert f"{log}:23 and 12 more\n" in done.stderr
    found = json.loads(run("scrub", "--lines", log, "-o", "json").stdout)["results"]
    assert [one["place"] for one in found[:3]] == [f"{log}:1", f"{log}:3", f"{log}:4"]


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


def test_a_policy_is_tried_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrub.toml").write_text('[rules]\nemail = "keep"\n[names]\npage_ref = "drop"\n')
    text = "a@b.de page_ref=17 pin=4821"
    done = run("scrub", "--text", text, "--policy", tmp_path / "scrub.toml")
    assert done.stdout == "a@b.de page_ref= pin=[redacted:pin]\n"
    assert run("scrub", "--text", text).stdout == "[redacted:email] page_ref=17 pin=[redacted:pin]\n"
    refused = run("scrub", "--text", text, "--policy", tmp_path / "other.toml")
    assert refused.exit_code == 2
    assert "[usage.setting]" in refused.stderr


def test_a_hashed_value_is_found_again_across_a_rotation(run: Run, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    missing = run("scrub", "--hash", "a@b.de", "--spool", spool)
    assert missing.exit_code == 2
    assert "[not-found.file]" in missing.stderr
    assert not spool.exists()
    run("scrub", "--rotate", "--spool", spool)
    kept = run("scrub", "--text", "a@b.de", "--policy", "hmac", "--spool", spool).stdout.strip()
    assert "known: " in run("scrub", "--rotate", "--spool", spool).stdout
    new, old = json.loads(run("scrub", "--hash", "a@b.de", "--spool", spool, "-o", "json").stdout)
    assert kept == f"[redacted:email:{old['key']}:{old['scrubbed']}]"
    assert new["scrubbed"] != old["scrubbed"]
    table = run("scrub", "--hash", "a@b.de", "--spool", spool)
    assert old["scrubbed"] in table.stdout
    assert "a@b.de" not in table.output
    hidden = CliRunner().invoke(main, ["scrub", "--hash", "-", "--spool", str(spool)], input="a@b.de\n")
    assert hidden.stdout == table.stdout


def test_a_trial_makes_no_key(run: Run, tmp_path: Path) -> None:
    done = run("scrub", "--text", "a@b.de", "--policy", "hmac", "--spool", tmp_path / "spool")
    assert "[redacted:email:" in done.stdout
    assert "comparable with nothing else" in done.stderr
    assert not (tmp_path / "spool").exists()


def test_a_key_of_the_environment_is_rotated_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALTRAIL_PSEUDONYM_KEY", "new")
    monkeypatch.setenv("SEALTRAIL_PSEUDONYM_OLD_KEYS", "older oldest")
    assert len(json.loads(run("scrub", "--hash", "x", "--spool", tmp_path, "-o", "json").stdout)) == 3
    done = run("scrub", "--rotate", "--spool", tmp_path)
    assert done.exit_code == 2
    assert "SEALTRAIL_PSEUDONYM_OLD_KEYS" in done.stderr
