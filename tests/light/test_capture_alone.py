"""The capture side works where only its two dependencies are, and brings in nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture
def alone(tmp_path, repository) -> Path:
    """A folder to import from that holds the package, msgspec and uuid-utils, and nothing else."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sealtrail").symlink_to(repository / "src" / "sealtrail")
    for name in ("msgspec", "uuid_utils"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (folder / name).symlink_to(Path(spec.origin).parent)
    return folder


def run(arguments: list[str], alone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-B", "-W", "error", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(alone)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_application_records_with_two_dependencies_and_no_more(alone):
    ran = run([str(Path(__file__).with_name("capture_alone.py"))], alone)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "capture alone: 4 events recorded with msgspec, sealtrail, uuid_utils\n"


def test_the_server_is_not_there_in_that_environment(alone):
    for heavy in ("click", "duckdb", "pyarrow", "flask", "starlette", "django"):
        assert "ModuleNotFoundError" in run(["-c", f"import {heavy}"], alone).stderr


@pytest.mark.parametrize(
    "door",
    [
        "sealtrail",
        "sealtrail.asgi",
        "sealtrail.wsgi",
        "sealtrail.event",
        "sealtrail.spool",
        "sealtrail.scrub",
    ],
)
def test_a_door_opens_alone(door, alone):
    ran = run(["-c", f"import {door}"], alone)
    assert ran.returncode == 0, ran.stderr
