from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sealtrail.accounts import password
from sealtrail.cli.main import main

Run = Callable[..., Result]
WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_N", 16)


def person(data: Path, *arguments: str, words: str = WORDS) -> Result:
    return CliRunner().invoke(main, ["person", *arguments, "--data", str(data)], input=f"{words}\n")


def test_somebody_is_added_listed_changed_and_removed(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    added = person(data, "add", "alice", "--role", "viewer", "--password-stdin")
    assert added.exit_code == 0, added.stderr
    assert WORDS not in added.output
    assert person(data, "role", "alice", "--role", "admin").exit_code == 0
    assert person(data, "password", "alice", "--password-stdin", words="another long password").exit_code == 0
    (listed,) = json.loads(run("person", "list", "--data", data, "-o", "json").stdout)
    assert (listed["name"], listed["role"]) == ("alice", "admin")
    assert set(listed) == {"name", "role", "created"}
    assert person(data, "remove", "alice").exit_code == 0
    assert "alice" not in run("person", "list", "--data", data).stdout
    assert person(data, "remove", "alice").exit_code == 2


def test_a_password_is_never_asked_for_where_nobody_can_answer(tmp_path: Path) -> None:
    done = person(tmp_path / "data", "add", "alice", "--role", "viewer")
    assert done.exit_code == 2
    assert "--password-stdin" in done.stderr


def test_a_password_that_is_too_short_says_what_to_do(tmp_path: Path) -> None:
    done = person(tmp_path / "data", "add", "alice", "--role", "viewer", "--password-stdin", words="short")
    assert done.exit_code == 2
    assert "usage.password" in done.stderr


def test_an_ingest_key_signs_nobody_in(tmp_path: Path) -> None:
    assert person(tmp_path / "data", "add", "app", "--role", "ingest", "--password-stdin").exit_code == 2


def test_a_link_needs_a_running_server(run: Run, data: Path) -> None:
    done = run("person", "link", "--data", data)
    assert done.exit_code == 2
    assert "sealtrail serve" in done.stderr


def test_a_link_for_a_person_takes_no_role(run: Run, data: Path) -> None:
    done = run("person", "link", "alice", "--role", "viewer", "--data", data)
    assert done.exit_code == 2
    assert "has the role of alice" in done.stderr


def test_sessions_end_only_where_a_server_runs(run: Run, data: Path) -> None:
    done = run("person", "sign-out", "--data", data)
    assert done.exit_code == 2
    assert "sealtrail serve" in done.stderr
