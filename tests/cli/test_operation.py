from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector

Run = Callable[..., Result]


def test_the_index_can_be_thrown_away_and_made_again_from_the_ledger(
    run: Run, data: Path, tmp_path: Path
) -> None:
    mine = Path(shutil.copytree(data, tmp_path / "data"))
    question = ("count", "url.path:*", "--by", "http.response.status_code", "--data", mine, "-o", "json")
    before = json.loads(run(*question).stdout)
    shutil.rmtree(mine / "store")
    assert run("rebuild", "--data", mine).exit_code == 0
    assert json.loads(run(*question).stdout) == before


def test_rebuilding_needs_the_folder_to_itself(run: Run, tmp_path: Path) -> None:
    with Collector(Folder(tmp_path / "data"), guard=False):
        done = run("rebuild", "--data", tmp_path / "data")
    assert done.exit_code == 2
    assert "ledger.locked" in done.stderr
