"""How long the slowest requests of a Flask application take with and without recording, in turns of one run.

Wall time of single requests, one core, no pause between them. Requests during which the system took the
processor away are left out on both sides, and counted: on a busy machine they are all that a tail shows.
"""

from __future__ import annotations

import gc
import io
import resource
import tempfile
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from _interleaved import asked
from flask_capture import BODY, ENVIRON, VARIANTS


def one(app: Any) -> tuple[int, bool]:
    """Nanoseconds of one request, and whether it had the processor all the time."""
    environ = {**ENVIRON, "wsgi.input": io.BytesIO(BODY)}
    taken = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
    begun = perf_counter_ns()
    body = app(environ, lambda *_: lambda _: None)
    for _ in body:
        pass
    body.close()
    took = perf_counter_ns() - begun
    return took, resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw == taken


def main() -> None:
    arguments = asked("Tail of the latency of a Flask application, as ratios.")
    with tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder:
        apps = {name: VARIANTS[name](Path(folder)) for name in ("bare", "sealtrail", "structlog", "otel")}
        times: dict[str, list[int]] = {name: [] for name in apps}
        preempted = dict.fromkeys(apps, 0)
        for app in apps.values():
            for _ in range(300):
                one(app)
        gc.collect()
        gc.freeze()
        for turn in range(arguments.rounds):
            names = list(apps)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                for _ in range(arguments.requests):
                    took, whole = one(apps[name])
                    if whole:
                        times[name].append(took)
                    else:
                        preempted[name] += 1
    print("Flask, microseconds of a request, one interleaved run")
    print(f"{'':12}{'p50':>8}{'p99':>8}{'p99.9':>8}{'p99, x bare':>13}{'preempted':>11}")
    tails = {name: sorted(found) for name, found in times.items()}
    alone = tails["bare"][int(len(tails["bare"]) * 0.99)]
    for name, found in tails.items():
        middle, late, last = (found[int(len(found) * q)] / 1e3 for q in (0.5, 0.99, 0.999))
        print(
            f"{name:12}{middle:8.0f}{late:8.0f}{last:8.0f}{late * 1e3 / alone:13.2f}"
            f"{preempted[name] / arguments.rounds / arguments.requests:11.2%}"
        )
    print("goal: sealtrail at most 1.5 at p99")


if __name__ == "__main__":
    main()
