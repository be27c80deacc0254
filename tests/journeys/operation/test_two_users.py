"""Application and collector as two real users of the system: each reaches what it needs, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import sealtrail as sealtrail_package
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.spool.layout import BLOCKS_FILE, PSEUDONYM_KEY_FILE

# Numbers that no system gives out by itself.
APPLICATION, COLLECTOR, SHARED, STRANGER = 64_101, 64_102, 64_103, 64_104

RECORDING = """
import sys, sealtrail
sealtrail.login_failed(name="alice", reason="bad_password")
for number in range(200):
    sealtrail.audit("meter.read", target=("meter", str(number)), required=True)
print("recorded", flush=True)
sys.stdin.read()
"""

# Which of the files named on standard input can this user open, and how?
REACHING = """
import os, sys
for path in sys.stdin.read().splitlines():
    for way in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(path, way | os.O_NONBLOCK))
        except OSError:
            continue
        print("read" if way == os.O_RDONLY else "write", path)
"""
MAKING = """
import os, sys
for folder in sys.stdin.read().splitlines():
    try:
        os.close(os.open(folder + "/made", os.O_WRONLY | os.O_CREAT))
    except OSError:
        continue
    print("made", folder)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run processes as two other users")


class User:
    """Runs Python as a user of a given number, who is in one more group."""

    def __init__(self, python: str, uid: int, groups: list[int]) -> None:
        self._python, self._uid, self._groups = python, uid, groups

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        # A checkout is installed by a .pth file, which only counts in site-packages: so both are named.
        paths = [sysconfig.get_paths()["purelib"], str(Path(sealtrail_package.__file__).parent.parent)]
        return subprocess.Popen(
            [self._python, *map(str, arguments)],
            user=self._uid,
            group=self._uid,
            extra_groups=self._groups,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(paths), "HOME": "/", **environment},
            cwd="/",
            umask=0o022,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path, said: str = "") -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(said, timeout=120)
        return process.returncode, out, err


def reachable() -> str:
    """A Python of our version that other users can run; an interpreter in root's home is closed to them."""
    names = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
    for name in filter(os.path.exists, names):
        with suppress(PermissionError):
            if User(name, STRANGER, []).run("-c", "import sealtrail.serve.running")[0] == 0:
                return name
    pytest.skip("no interpreter with our packages can be run by other users")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can walk through; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="sealtrail-two-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def user(started) -> Callable[[int, list[int]], User]:
    python = reachable()

    class Kept(User):
        def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
            process = super().start(*arguments, **environment)
            started.append(process)
            return process

    return lambda uid, groups: Kept(python, uid, groups)


def test_the_collector_reads_and_blocks_and_the_application_reaches_nothing_of_it(
    place, user, sealtrail, until
):
    application, collector = user(APPLICATION, [SHARED]), user(COLLECTOR, [SHARED])
    stranger = user(STRANGER, [])
    data, spool = place / "collector" / "data", place / "spool"
    data.parent.mkdir()
    os.chown(data.parent, COLLECTOR, COLLECTOR)
    spool.mkdir()
    os.chown(spool, APPLICATION, SHARED)
    spool.chmod(0o2770)

    recording = application.start("-c", RECORDING, SEALTRAIL_SPOOL=str(spool), SEALTRAIL_SERVICE="shop")
    assert recording.stdout is not None
    assert recording.stderr is not None
    assert recording.stdout.readline() == "recorded\n", recording.stderr.read()
    for path in spool.iterdir():
        found = path.stat()
        wanted = 0o600 if path.name == PSEUDONYM_KEY_FILE else 0o640
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (APPLICATION, wanted), path
        assert path.name == PSEUDONYM_KEY_FILE or found.st_gid == SHARED

    server = collector.start("-m", "sealtrail", "serve", "--data", data, "--port", "0", "--spool", spool)
    assert server.stderr is not None
    assert " at http://" in server.stderr.readline()
    until(lambda: sum(LedgerReader(data).sizes().values()) > 200, "what the application recorded")

    # An operator blocks, as root: the request is the collector's to read, the list the application's.
    done = sealtrail("block", "203.0.113.9", "--reason", "a test", "--data", data)
    assert done.returncode == 0, done.stderr
    blocks = spool / BLOCKS_FILE
    until(lambda: blocks.exists() and b"203.0.113.9" in blocks.read_bytes(), "the block list")
    assert (blocks.stat().st_uid, blocks.stat().st_gid) == (COLLECTOR, SHARED)
    assert application.run("-c", REACHING, said=str(blocks))[1].splitlines()[:1] == [f"read {blocks}"]

    # Nothing of the collector is open to the application or to anybody else, and nothing can be put there.
    files = [str(path) for path in data.rglob("*") if path.is_file()]
    folders = [str(path) for path in (data, *data.rglob("*")) if path.is_dir()]
    assert len(files) > 8
    for other in (application, stranger):
        assert other.run("-c", REACHING, said="\n".join(files))[:2] == (0, "")
        assert other.run("-c", MAKING, said="\n".join(folders))[:2] == (0, "")
    secret = str(spool / PSEUDONYM_KEY_FILE)
    assert collector.run("-c", REACHING, said=secret)[:2] == (0, "")
    assert stranger.run("-c", REACHING, said=f"{secret}\n{blocks}")[:2] == (0, "")
    assert stranger.run("-c", MAKING, said=str(spool))[:2] == (0, "")

    code, told, _ = collector.run("-m", "sealtrail", "doctor", "--data", data, "-o", "json")
    found = json.loads(told)["findings"]
    assert (code, [f for f in found if f["state"] == "fail"]) == (0, []), told
    assert any("different users" in f["what"] for f in found)

    # The application ends; what it wrote is collected and its files are gone.
    recording.communicate("")
    until(lambda: not list(spool.glob("*.ndjson")), "an empty spool")
    server.terminate()
    assert server.wait(60) == 0
    report = verify(data, workers=1)
    assert report.verdict == "intact", report.lines()
