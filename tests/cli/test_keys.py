from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]


def test_a_key_is_shown_once_and_stored_as_a_hash(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = json.loads(run("key", "new", "--role", "ingest", "--data", data, "-o", "json").stdout)
    assert set(made) == {"id", "key", "role"}
    for path in data.rglob("*"):
        if path.is_file():
            assert made["key"].rpartition("_")[2].encode() not in path.read_bytes()
    (listed,) = json.loads(run("key", "list", "--data", data, "-o", "json").stdout)
    assert (listed["id"], listed["revoked"]) == (made["id"], "")


def test_a_revoked_key_stays_in_the_list(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = json.loads(run("key", "new", "--role", "viewer", "--data", data, "-o", "json").stdout)
    assert run("key", "revoke", made["id"], "--data", data).exit_code == 0
    (listed,) = json.loads(run("key", "list", "--data", data, "-o", "json").stdout)
    assert listed["revoked"]
    assert run("key", "revoke", "nobody", "--data", data).exit_code == 2
