"""kill -9 at any moment of a backup or a restore: there is a whole one, or none, and the next one is made."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sealtrail.event import canonical
from sealtrail.event.line import check_line
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.backup import backup
from sealtrail.serve.folder import Folder
from sealtrail.serve.manifest import Manifest
from sealtrail.serve.restoring import restore
from sealtrail.serve.writing import Collector

# Seconds after the process was started; the last ones fall behind its end on a quiet machine.
MOMENTS = [0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8]

BACKUP = "from sealtrail.serve.backup import backup; backup(Path('data'), Path('copy'))"
RESTORE = "from sealtrail.serve.restoring import restore; restore(Path('copy'), Path('new'))"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with some thousand events, and a backup of it."""
    folder = tmp_path_factory.mktemp("kill")
    with Collector(Folder(folder / "data"), guard=False) as collector:
        for first in range(0, 4000, 500):
            lines = []
            for seq in range(first, first + 500):
                data = canonical(
                    {
                        "@timestamp": "2026-01-01T00:00:00.000000Z",
                        "event.id": f"e-{seq}",
                        "sealtrail.kind": "request",
                        "event.action": "http.request",
                        "sealtrail.emitter": "e",
                        "sealtrail.seq": seq,
                    }
                )
                lines.append((data, check_line(data)))
            collector.submit("key:1", lines)
    backup(folder / "data", folder / "copy")
    return folder


def killed(folder: Path, what: str, moment: float) -> None:
    command = [sys.executable, "-c", f"from pathlib import Path\n{what}"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE)
    time.sleep(moment)
    process.kill()
    _, said = process.communicate()
    assert b"Traceback" not in said, said.decode()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_backup_that_is_killed_is_whole_or_not_there(made, tmp_path, moment):
    (tmp_path / "data").symlink_to(made / "data")
    sizes = LedgerReader(made / "data").sizes()
    killed(tmp_path, BACKUP, moment)
    if (tmp_path / "copy").exists():
        Manifest.load(tmp_path / "copy").check(tmp_path / "copy")
    else:
        backup(made / "data", tmp_path / "copy")
    assert LedgerReader(tmp_path / "copy").sizes() == sizes
    assert verify(tmp_path / "copy", workers=1).verdict == "intact"
    assert Folder(made / "data").writer() is None


@pytest.mark.parametrize("moment", [*MOMENTS, 1.2])
def test_a_restore_that_is_killed_is_whole_or_not_there(made, tmp_path, moment):
    (tmp_path / "copy").symlink_to(made / "copy")
    killed(tmp_path, RESTORE, moment)
    if not (tmp_path / "new").exists():
        restore(made / "copy", tmp_path / "new")
    report = verify(tmp_path / "new", workers=1)
    assert report.verdict == "intact", report.lines()
    assert [trail.followed_by for trail in report.trails] == ["access-2", "", "audit-2", ""]
