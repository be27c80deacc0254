from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from click.testing import Result

from sealtrail.spool.disk import Spool

Run = Callable[..., Result]
Serving = Callable[..., AbstractContextManager[Any]]
HEAD = b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"x","event.action":"x"'


def test_a_spool_is_sent_and_what_was_done_is_told(run: Run, serving: Serving, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    assert spool.write(HEAD)
    with serving(tmp_path / "data") as server:
        target = ("--url", server.url, "--key", server.keys["ingest"])
        done = run("ship", "--once", "--spool", spool.folder, *target)
        assert done.exit_code == 0, done.stderr
        assert "1 line sent: 1 stored, 0 there already" in done.stderr
        assert not done.stdout
        again = run("ship", "--once", "--spool", spool.folder, *target, "-o", "json")
        told = json.loads(again.stdout)
        assert (told["lines"], told["accepted"], told["waiting_bytes"]) == (0, 0, 0)
    assert (spool.folder / "ship" / "cursor.json").exists()


def test_without_a_folder_or_a_key_it_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    key = "st_0123456789_x"
    done = run("ship", "--once", "--spool", tmp_path / "none", "--url", "http://127.0.0.1:1", "--key", key)
    assert (done.exit_code, "[usage.path]" in done.stderr) == (2, True)
    done = run("ship", "--once", "--spool", tmp_path, "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "[access.missing]" in done.stderr) == (2, True)


def test_an_applications_output_cannot_be_shipped_nor_followed(run: Run, tmp_path: Path) -> None:
    key = "st_0123456789_x"
    done = run("ship", "--spool", "stdout:", "--url", "http://127.0.0.1:1", "--key", key)
    assert (done.exit_code, "sealtrail import -" in done.stderr) == (2, True)
    done = run("serve", "--spool", "stdout:", "--port", "0", "--data", tmp_path / "data")
    assert (done.exit_code, "sealtrail import -" in done.stderr) == (2, True)
