"""Setting up says what it needs, does its work once, and every target that is promised is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = [
    *("setup", "demo", "test", "check", "bench", "soak", "lock", "docs"),
    *("test-engines", "test-console", "test-foreign"),
]


@pytest.fixture
def checkout(repository, tmp_path) -> Path:
    """What setting up reads, in a folder whose path has a space."""
    folder = tmp_path / "a checkout"
    (folder / "tools").mkdir(parents=True)
    for name in ("tools/setup.sh", "requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(repository / name, folder / name)
    return folder


def setup(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("sh") or "/bin/sh", "tools/setup.sh"],
        cwd=checkout,
        env={**os.environ, "PYTHON": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def dry_run(checkout: Path, *targets: str) -> str:
    """What make would do, as if it were not itself run by make."""
    outer = {"PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    ran = subprocess.run(
        ["make", "-n", *targets], cwd=checkout, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_an_interpreter_that_does_not_serve_is_refused_by_name(checkout):
    ran = setup(checkout, PYTHON="/bin/false")
    assert ran.returncode == 1
    assert ran.stderr.startswith("PYTHON=/bin/false is not a Python >= 3.11")
    assert not (checkout / ".venv").exists()


def test_without_a_python_it_says_what_to_install(checkout, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("cat", "cksum", "dirname", "grep", "rm"):
        found = shutil.which(name)
        assert found is not None
        (bare / name).symlink_to(found)
    for name in ("python3.14", "python3"):  # a shim that only complains, and a Python that is too old
        (bare / name).write_text("#!/bin/sh\necho 'not for you' >&2\nexit 127\n")
        (bare / name).chmod(0o755)
    ran = setup(checkout, PATH=str(bare))
    assert ran.returncode == 1
    assert "No Python >= 3.11" in ran.stderr
    assert "apt-get install" in ran.stderr
    assert "not for you" not in ran.stderr


@pytest.mark.parametrize(
    ("named", "given"), [({}, "find"), ({"SEALTRAIL_CHROMIUM": "/opt/browser"}, "/opt/browser")]
)
def test_the_suite_in_a_browser_fails_where_there_is_none(checkout, tmp_path, named, given):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$SEALTRAIL_CHROMIUM $*"\n')
    python.chmod(0o755)
    (checkout / "tools" / "setup.sh").write_text("")
    environment = {name: value for name, value in os.environ.items() if name != "SEALTRAIL_CHROMIUM"}
    ran = subprocess.run(
        ["make", "--no-print-directory", "test-console"],
        cwd=checkout,
        env={**environment, **named},
        capture_output=True,
        text=True,
    )
    assert ran.stdout == f"{given} -m pytest -q tests/console/browser\n"


def test_what_is_ready_is_left_alone_and_nothing_is_said(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    wanted = subprocess.run(
        ["sh", "-c", 'echo "$(pwd) $(cat requirements.lock pyproject.toml | cksum)"'],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    ready = checkout / ".venv" / ".ready"
    ready.write_text(wanted.stdout)
    ran = setup(checkout)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    # Another lock is another environment: then it would begin, and finds that it may not.
    (checkout / "requirements.lock").write_text("# other\n")
    assert setup(checkout, PYTHON="/bin/false").returncode == 1


def test_every_promised_target_is_there_and_sets_up_first(checkout):
    for target in TARGETS:
        assert dry_run(checkout, target).startswith('PYTHON="" sh tools/setup.sh')


def test_make_alone_sets_up_and_lists_the_targets(checkout):
    would = dry_run(checkout)
    assert "tools/setup.sh" in would
    for target in TARGETS:
        assert f"make {target}" in would
