"""Types as users of the package see them: whole programs under mypy --strict and under pyright.

A line that ends in `# E` is a mistake, and both have to find it; both have to find nothing else. The programs
are copied to a folder of their own, so that nothing of this checkout's configuration is in force.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
BIN = Path(sys.executable).parent

Lines = set[tuple[str, int]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    for path in PROGRAMS:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def mistakes() -> Lines:
    return {
        (path.name, number)
        for path in PROGRAMS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# E")
    }


def told(found: dict[tuple[str, int], str], mistakes: Lines) -> str:
    more = [f"{name}:{number}: {found[name, number]}" for name, number in sorted(found.keys() - mistakes)]
    less = [f"{name}:{number}: not found" for name, number in sorted(mistakes - found.keys())]
    return "\n".join((*more, *less))


def test_mypy_finds_every_mistake_and_nothing_else(folder, mistakes):
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", *_names()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    matches = re.findall(r"^(\w+\.py):(\d+): error: (.*)$", ran.stdout, re.MULTILINE)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found = {(name, int(number)): text for name, number, text in matches}
    assert not told(found, mistakes)


def test_pyright_finds_every_mistake_and_nothing_else(folder, mistakes):
    pyright = BIN / "pyright"
    if shutil.which("node") is None:
        pytest.skip("pyright runs on node, which is not on the PATH")
    try:
        there = subprocess.run([pyright, "--version"], capture_output=True, timeout=60, cwd=folder)
    except (OSError, subprocess.TimeoutExpired):
        pytest.skip("pyright is not installed, or its npm package cannot be fetched")
    if there.returncode:
        pytest.skip("pyright cannot run: its npm package is not there and cannot be fetched")
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    ran = subprocess.run(
        [pyright, "--pythonpath", sys.executable, "--outputjson", *_names()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = json.loads(ran.stdout[ran.stdout.index("{") :])
    found = {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1): f"{one['message']} [{one.get('rule')}]"
        for one in said["generalDiagnostics"]
        if one["severity"] == "error"
    }
    assert said["summary"]["filesAnalyzed"] >= len(PROGRAMS)
    assert not told(found, mistakes)


def _names() -> list[str]:
    return [path.name for path in PROGRAMS]


def test_the_package_says_that_it_is_typed(repository):
    assert (repository / "src" / "sealtrail" / "py.typed").is_file()
