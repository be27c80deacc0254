"""Several applications measured in turns, so that whatever else the machine does falls upon all alike."""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Serve = Callable[[Any, int], float]
"""An application and a number of requests -> the CPU seconds that they took."""


def asked(what: str) -> argparse.Namespace:
    """`rounds` and `requests`, from the command line."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=100, help="per variant and round")
    return parser.parse_args()


def measure(
    apps: Mapping[str, Any], serve: Serve, spool: Path, *, rounds: int, requests: int
) -> dict[str, float]:
    """Median CPU microseconds per request, by variant. Ends the program where `spool` misses a request."""
    times: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        serve(app, requests)
    gc.collect()
    gc.freeze()
    for turn in range(rounds):
        names = list(apps)
        # Each round begins with another variant, so that none is always the one after the slowest.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(serve(apps[name], requests) / requests * 1e6)
    written = sum(path.read_bytes().count(b"\n") for path in spool.glob("*.ndjson"))
    if written != (rounds + 1) * requests:
        raise SystemExit(f"{(rounds + 1) * requests} requests were served, {written} recorded")
    return {name: statistics.median(values) for name, values in times.items()}
