"""The documentation as a subject of tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def reference(repository: Path) -> ModuleType:
    """tools/reference.py, which writes the generated blocks."""
    return _loaded(repository / "tools" / "reference.py")


@pytest.fixture(scope="session")
def console() -> ModuleType:
    """console.py beside this file, which runs the console blocks of a page."""
    return _loaded(Path(__file__).with_name("console.py"))


@pytest.fixture(scope="session")
def docs(repository: Path) -> Path:
    return repository / "docs"
