from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Collector(Folder(tmp_path / "data"), guard=False):
        pass
    return tmp_path / "data"


def test_holds_are_placed_listed_and_released(data: Path) -> None:
    def hold(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(main, ["hold", *words, "--data", str(data)])
        return done.exit_code, done.stdout, done.stderr

    placed = hold(
        "place", "case-17", "--query", "user.id:alice", "--reason", "Alice v. Shop", "--by", "counsel"
    )
    assert placed[0] == 0, placed
    assert "hold case-17 is in force since 20" in placed[2]
    (row,) = json.loads(hold("list", "-o", "json")[1])
    assert (row["query"], row["ordered"], row["released"]) == ("user.id:alice", "counsel", "")
    assert "Alice v. Shop" in hold("list")[1]
    assert hold("place", "x", "--reason", "y")[0] == 2
    released = hold("release", "case-17", "--reason", "settled", "-o", "json")
    assert json.loads(released[1])["released_why"] == "settled"
    assert json.loads(hold("list", "-o", "json")[1]) == []
    assert len(json.loads(hold("list", "--all", "-o", "json")[1])) == 1
    code, _, said = hold("release", "case-17", "--reason", "settled")
    assert (code, "not-found.hold" in said) == (2, True)
