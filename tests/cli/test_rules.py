from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]


def test_the_pack_loads_and_keeps_its_promises(run: Run) -> None:
    checked = json.loads(run("rules", "check", "-o", "json").stdout)
    assert checked["refused"] == []
    assert checked["loaded"] >= 4
    done = run("rules", "test", "-o", "json")
    outcomes = json.loads(done.stdout)
    assert done.exit_code == 0
    assert {o["raised"] > 0 for o in outcomes} == {True, False}


def test_a_rule_that_cannot_be_used_is_refused_with_file_and_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("title: x\ndetection:\n  condition: [\n")
    done = run("rules", "check", tmp_path, "-o", "json")
    (refused,) = json.loads(done.stdout)["refused"]
    assert done.exit_code == 1
    assert refused["file"].endswith("bad.yml")
    assert refused["line"] > 0


def test_rules_are_listed_with_their_level(run: Run) -> None:
    rows = json.loads(run("rules", "list", "-o", "json").stdout)
    assert {row["level"] for row in rows} <= {"informational", "low", "medium", "high", "critical"}
