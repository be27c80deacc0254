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
