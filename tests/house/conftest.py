"""What the laws of the house are held against: every file of the repository, with or without git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# What .gitignore names. A folder that was unpacked from an archive has no git to ask.
_NOT_OURS = frozenset(
    {".git", ".venv", "__pycache__", "build", "dist", "sealtrail-data", "sealtrail-spool"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}
)


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_OURS and not name.endswith(".egg-info")]
        # A second checkout of one repository has a file of that name in the place of the folder.
        yield from (Path(path) / name for name in files if name not in _NOT_OURS)


@pytest.fixture(scope="session")
def files(repository: Path) -> list[Path]:
    """All files that are ours."""
    return sorted(_walk(repository))


@pytest.fixture(scope="session")
def sources(repository: Path) -> dict[str, Path]:
    """Modules of the package: dotted name -> file."""
    root = repository / "src"
    modules = {}
    for path in sorted((root / "sealtrail").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


@pytest.fixture(scope="session")
def test_files(repository: Path) -> list[Path]:
    return sorted((repository / "tests").rglob("test_*.py"))
