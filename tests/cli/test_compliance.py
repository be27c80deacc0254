from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def mine(data: Path, tmp_path: Path) -> Path:
    """A copy of the data folder, to write in."""
    return Path(shutil.copytree(data, tmp_path / "mine"))


def test_a_report_is_a_folder_and_a_table(run: Run, mine: Path, tmp_path: Path) -> None:
    window = ("--from", "2026-11-24", "--to", "2026-11-24")
    done = run(
        "report", "pci-dss-4.0.1", *window, "--out", tmp_path / "r", "--data", mine, "--entity", "Shop"
    )
    assert done.exit_code == 0, done.stderr
    assert "10.2.1" in done.stdout
    assert "27 controls: " in done.stderr
    assert f"the report is in {tmp_path / 'r'}" in done.stderr
    document = json.loads((tmp_path / "r" / "report.json").read_text())
    assert document["entity"] == "Shop"
    assert document["records"] == 4
    found = json.loads(run("count", "event.action:sealtrail.report", "--data", mine, "-o", "json").stdout)
    assert found == [{"count": 1}]


def test_the_summary_as_json_has_the_counts(run: Run, mine: Path, tmp_path: Path) -> None:
    window = ("--from", "2020-01-01", "--to", "2020-01-31")
    done = run("report", "soc2-2017", *window, "--out", tmp_path / "r", "--data", mine, "-o", "json")
    assert json.loads(done.stdout)["verdicts"]["pass"] == 0


def test_an_unknown_framework_names_those_there_are(run: Run, data: Path, tmp_path: Path) -> None:
    window = ("--from", "today", "--to", "today")
    done = run("report", "pci-dss-5", *window, "--out", tmp_path / "r", "--data", data)
    assert done.exit_code == 2
    assert "not-found.framework" in done.stderr
    assert "pci-dss-4.0.1, soc2-2017, hipaa-164" in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_checkpoint_kept_elsewhere_is_taken(run: Run, mine: Path, tmp_path: Path) -> None:
    kept = [tmp_path / f"{trail}.checkpoint" for trail in ("access", "audit")]
    for path in kept:
        shutil.copy(mine / "trails" / path.stem / "checkpoint", path)
    window = ("--from", "2026-11-24", "--to", "2026-11-24")
    options = [part for path in kept for part in ("--checkpoint", path)]
    done = run("report", "pci-dss-4.0.1", *window, *options, "--out", tmp_path / "r", "--data", mine)
    assert done.exit_code == 0, done.stderr
    document = json.loads((tmp_path / "r" / "report.json").read_text())
    assert document["verification"]["anchored"] is True
    assert next(c for c in document["controls"] if c["id"] == "10.3.3")["verdict"] == "pass"


def test_a_day_is_signed_for_and_listed(run: Run, mine: Path) -> None:
    signed = run("review", "sign", "--day", "2026-11-24", "--note", "two \x1b[31malerts", "--data", mine)
    assert signed.exit_code == 0, signed.stderr
    assert "2026-11-24 (4 records, 0 alerts) is signed for by" in signed.stderr
    window = ("--from", "2026-11-23", "--to", "2026-11-24", "--data", mine)
    rows = json.loads(run("review", "list", *window, "-o", "json").stdout)
    assert [row["day"] for row in rows] == ["2026-11-23", "2026-11-24"]
    assert rows[1]["note"] == "two \x1b[31malerts"
    table = run("review", "list", *window)
    assert "2026-11-24" in table.stdout
    assert "\x1b" not in table.stdout


def test_missing_days_can_fail_a_script(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealtrail.serve.reviewing.began", lambda _: "")
    window = ("--from", "2020-01-01", "--to", "2020-01-02", "--data", data)
    done = run("review", "list", *window)
    assert done.exit_code == 0
    assert "2 days, 2 without a review in time" in done.stderr
    assert run("review", "list", *window, "--fail-missing").exit_code == 1
    monkeypatch.undo()
    assert run("review", "list", *window, "--fail-missing").exit_code == 0
    assert run("review", "list", "--data", data).exit_code == 0


def test_a_day_that_is_none_is_refused(run: Run, mine: Path) -> None:
    done = run("review", "sign", "--day", "2h", "--data", mine)
    assert done.exit_code == 2
    assert "usage.argument" in done.stderr


def test_a_plan_of_a_young_folder_has_nothing_to_remove(run: Run, mine: Path) -> None:
    done = run("retain", "plan", "--data", mine)
    assert done.exit_code == 0, done.stderr
    assert "nothing is old enough to go" in done.stderr
    assert "access" in done.stdout
    rows = json.loads(run("retain", "plan", "--data", mine, "-o", "json").stdout)
    assert [(row["trail"], row["days"], row["entries"]) for row in rows] == [
        ("access", 400, 0),
        ("audit", 2200, 0),
    ]
    ran = run("retain", "run", "--data", mine, "-o", "json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, [])
