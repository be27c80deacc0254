"""Verifiers by other people, which tools/foreign.py installs, and logs of ours for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sealtrail.ledger.files import Disk
from sealtrail.ledger.log import Log
from sealtrail.ledger.sign import open_key
from sealtrail.serve.folder import Folder

HERE = Path(__file__).resolve().parent
_NAMED = os.environ.get("SEALTRAIL_FOREIGN")

Question = dict[str, Any]


class Foreign:
    """The tools that were installed for the while, by name: an environment's Python, or a program."""

    def __init__(self, tools: dict[str, str]) -> None:
        self.tools = tools
        self._verifiers: dict[str, list[str]] = {
            "go": [tools["walk"]],
            "tlog-scales": [tools["verifiers"], "-I", str(HERE / "python" / "check.py"), "scales"],
            "sigstore": [tools["verifiers"], "-I", str(HERE / "python" / "check.py"), "sigstore"],
            "@sigstore/verify": [tools["node"], str(Path(tools["scripts"]) / "check.js")],
        }

    def ask(self, verifier: str, questions: Sequence[Question]) -> list[str]:
        """For each, empty where it is accepted, else why it is refused. One that breaks is a failure."""
        ran = subprocess.run(
            self._verifiers[verifier],
            input=json.dumps(questions),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, f"{verifier} broke\n{ran.stderr}"
        verdicts: list[str] = json.loads(ran.stdout)
        assert len(verdicts) == len(questions)
        return verdicts


@pytest.fixture(scope="session")
def foreign() -> Foreign:
    if _NAMED is None:
        pytest.skip("verifiers by other people are not installed: make test-foreign has them")
    return Foreign(json.loads(Path(_NAMED).read_text()))


class Unsynced(Disk):
    """Skips the syncs, which nothing here looks at."""

    def datasync(self, fd: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class Writer:
    """A trail in a data folder, to be grown to exact sizes."""

    def __init__(self, data: Path, trail: str, keys: Path | None, salt: str) -> None:
        Folder(data).create()
        if keys is not None:
            shutil.copytree(keys, data / "keys", dirs_exist_ok=True)
        self.data, self.trail, self._salt = data, trail, salt
        self._log = Log.open(data / "trails" / trail, trail, open_key(data / "keys", trail), Unsynced())

    def grow(self, size: int) -> bytes:
        """Append up to `size` entries, sign, and seal what is whole; the checkpoint."""
        while self._log.size < size:
            first = self._log.size
            self._log.append([entry(index, self._salt) for index in range(first, min(size, first + 4096))])
        self._log.sync()
        note = self._log.publish()
        self._log.seal_pending()
        return note

    def close(self) -> None:
        self._log.close()

    @property
    def vkey(self) -> str:
        return (self.data / "keys" / f"{self.trail}.vkey").read_text()


def entry(index: int, salt: str = "") -> bytes:
    return f'{{"event.action":"invoice.read","message":"{salt}{"x" * (index % 40)}","n":{index}}}'.encode()


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Writer]]:
    """`writer(trail)`: a new trail in a data folder of its own; `keys` holds the keys where given."""
    made: list[Writer] = []

    def make(trail: str, *, keys: Path | None = None, salt: str = "") -> Writer:
        made.append(Writer(tmp_path_factory.mktemp("foreign") / "data", trail, keys, salt))
        return made[-1]

    yield make
    for one in made:
        one.close()
