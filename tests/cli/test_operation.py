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


def test_a_backup_is_made_and_restored_by_two_commands(run: Run, data: Path, tmp_path: Path) -> None:
    done = run("backup", tmp_path / "copy", "--data", data)
    assert done.exit_code == 0, done.stderr
    assert "access" in done.stdout
    assert "verified" in done.stderr
    assert "sha256 of its manifest" in done.stderr
    done = run("restore", tmp_path / "copy", tmp_path / "restored")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("intact")
    assert "goes on in access-2 and audit-2" in done.stderr
    assert "keys/audit-2.vkey" in done.stderr
    counted = run("count", "sealtrail.kind:request", "-o", "json", "--data", tmp_path / "restored")
    assert json.loads(counted.stdout) == [{"count": 4}]


def test_backup_and_restore_say_what_they_did_as_json(run: Run, data: Path, tmp_path: Path) -> None:
    made = json.loads(run("backup", tmp_path / "copy", "--data", data, "--without-keys", "-o", "json").stdout)
    assert made["keys"] is False
    assert set(made["trails"]) == {"access", "audit"}
    assert made["bytes"] > 0 < made["files"]
    kept = tmp_path / "copy" / "trails" / "audit" / "checkpoint"
    done = run("restore", tmp_path / "copy", tmp_path / "new", "--checkpoint", kept, "-o", "json")
    said = json.loads(done.stdout)
    assert (said["verdict"], said["successors"]) == ("intact", ["access-2", "audit-2"])


def test_what_is_there_is_not_overwritten(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for arguments in (("backup", tmp_path / "there", "--data", data), ("restore", data, tmp_path / "there")):
        done = run(*arguments)
        assert done.exit_code == 2
        assert "usage.path" in done.stderr


def test_the_doctor_says_what_is_wrong_and_what_to_do(run: Run, data: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(data, tmp_path / "data"))
    mine.chmod(0o700)
    done = run("doctor", "--data", mine, "--spool", tmp_path / "spool")
    assert done.exit_code == 0, done.stdout
    assert "no server has the folder open" in done.stdout
    assert "      -> " in done.stdout
    assert "0 wrong" in done.stderr
    assert run("doctor", "--data", mine, "--strict").exit_code == 1
    mine.chmod(0o755)
    done = run("doctor", "--data", mine, "-o", "json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["state"] == "fail"
    assert [f["check"] for f in told["findings"] if f["state"] == "fail"] == ["permissions"]
    assert run("doctor", "--data", tmp_path / "none").exit_code == 1
