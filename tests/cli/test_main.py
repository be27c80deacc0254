from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

LOADED = (
    "import sys; from sealtrail.cli.main import main; main({!r}, standalone_mode=False); print(*sys.modules)"
)


@pytest.mark.parametrize("words", [["--help"], ["search", "--help"], ["serve", "--help"]])
def test_help_loads_no_library_of_the_index(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words)], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "click" in loaded
    assert not {"duckdb", "pyarrow", "starlette", "uvicorn", "cryptography"} & set(loaded)


WITHOUT = (
    "import sys; sys.modules[{!r}] = None\n"  # the next import of it fails as if it were not installed
    "sys.argv = ['sealtrail', {!r}]\n"
    "from sealtrail.cli import run; run()"
)


@pytest.mark.parametrize(
    ("package", "command"), [("click", "search"), ("uvicorn", "serve"), ("duckdb", "count")]
)
def test_where_only_the_applications_side_is_installed_it_says_what_to_install(
    package: str, command: str, tmp_path: Path
) -> None:
    (tmp_path / "sealtrail-data" / "trails").mkdir(parents=True)
    (tmp_path / "sealtrail-data" / "format").write_text("sealtrail 1\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package, command)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert f"the command needs {package}, which is not installed [usage.extra]" in done.stderr
    assert "`server` extra" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_the_system_refuses_is_said_so_and_is_no_finding(
    run: Callable[..., Result], data: Path
) -> None:
    done = run("prove", "audit/0", "--data", data, "-o", "no/such/folder/proof")
    assert done.exit_code == 2
    assert done.stderr.startswith("sealtrail: no/such/folder/proof cannot be used: No such file or directory")
    assert "[usage.path]" in done.stderr
