from __future__ import annotations

import subprocess
import sys

import pytest

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
