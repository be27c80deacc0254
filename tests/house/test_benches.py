import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize("bench", sorted(path.stem for path in BENCH.glob("[a-z]*.py")))
def test_a_bench_knows_what_it_measures(bench):
    """What it imports is there; without this `make bench` is found broken by who wants a figure."""
    found = subprocess.run(
        [sys.executable, "-c", f"import {bench}"], cwd=BENCH, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
