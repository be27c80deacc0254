from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]


def test_importing_a_file_again_stores_nothing_twice(run: Run, data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "data"
    shutil.copytree(data, mine)
    done = run("import", data.parent / "access.log", "--data", mine, "-o", "json")
    (result,) = json.loads(done.stdout)
    assert (done.exit_code, result["read"], result["stored"], result["duplicates"]) == (0, 4, 0, 4)


def test_refused_lines_are_kept_with_the_reason_and_the_exit_code_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "auth.log").write_text("Dec 10 06:55:46 host sshd[24200]: Invalid user webmaster\n")
    done = run("import", tmp_path / "auth.log", "--data", tmp_path / "data")
    assert done.exit_code == 1
    assert "rejected 1" in done.stdout
    rejects = Path(done.stderr.strip().splitlines()[-1].rpartition(": ")[2])
    kept = json.loads(rejects.read_text().splitlines()[0])
    assert kept["code"] == "event.unreadable-line"


def test_history_never_raises_a_block(run: Run, tmp_path: Path) -> None:
    line = '203.0.113.9 - - [24/Nov/2026:08:00:{:02d} +0000] "POST /login HTTP/1.1" 401 0 "-" "x"\n'
    (tmp_path / "access.log").write_text("".join(line.format(second) for second in range(50)))
    run("import", tmp_path / "access.log", "--data", tmp_path / "data")
    done = run("count", "event.action:sealtrail.block", "--data", tmp_path / "data", "-o", "json")
    assert json.loads(done.stdout) == [{"count": 0}]
