"""What one explicit event costs, beside a structlog event of the same fields, encoded by orjson to a file.
CPU time, in turns within one run.

The goal is at most 0.7 of structlog, although ours is scrubbed, numbered and in a format with checked bytes.
"""

from __future__ import annotations

import gc
import logging
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog

import sealtrail
from _interleaved import asked
from sealtrail.capture.recorder import configured

CHANGE = [("role", "viewer", "admin")]


def ours(folder: Path) -> Callable[[int], object]:
    configured("shop", spool=folder / "spool", version="1.4.2", environment="production")

    def call(number: int) -> object:
        return sealtrail.audit(
            "user.role.update",
            target=("user", str(number)),
            outcome="success",
            change=CHANGE,
            reason="ticket 7",
        )

    return call


def structlog_orjson(folder: Path) -> Callable[[int], object]:
    """The same fields in the usual set-up; what is the same for a process is bound once."""
    log = structlog.wrap_logger(
        structlog.BytesLogger(file=(folder / "structlog.log").open("ab")),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind(
        **{
            "service.name": "shop",
            "service.version": "1.4.2",
            "service.environment": "production",
            "host.name": "host-1",
            "process.pid": 4711,
            "ecs.version": "9.0.0",
            "schema": 1,
            "emitter": uuid.uuid4().hex,
        }
    )

    def call(number: int) -> object:
        return log.info(
            "user.role.update",
            **{
                "event.id": str(uuid.uuid4()),
                "seq": number,
                "event.kind": "event",
                "event.category": ["iam"],
                "event.type": ["change"],
                "event.outcome": "success",
                "event.reason": "ticket 7",
                "user.id": "u1",
                "target.type": "user",
                "target.id": str(number),
                "change": [{"path": path, "old": old, "new": new} for path, old, new in CHANGE],
            },
        )

    return call


def main() -> None:
    arguments = asked("CPU cost of one explicit event, as a ratio.")
    with tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder, sealtrail.actor(user_id="u1"):
        calls = {"sealtrail": ours(Path(folder)), "structlog": structlog_orjson(Path(folder))}
        times: dict[str, list[float]] = {name: [] for name in calls}
        gc.collect()
        gc.freeze()
        for turn in range(arguments.rounds):
            for name in list(calls)[:: 1 if turn % 2 else -1]:
                call = calls[name]
                begun = time.process_time()
                for number in range(arguments.requests):
                    call(number)
                times[name].append((time.process_time() - begun) / arguments.requests * 1e6)
        segments = Path(folder, "spool").glob("*.ndjson")
        written = sum(path.read_bytes().count(b"\n") for path in segments)
    if written != arguments.rounds * arguments.requests:
        raise SystemExit(f"{arguments.rounds * arguments.requests} events were recorded, {written} are there")
    cost = {name: statistics.median(values) for name, values in times.items()}
    print("One explicit event of the same fields, CPU, medians of one interleaved run")
    for name, value in cost.items():
        print(f"  {name:12}{value:8.1f} us")
    print(f"  ratio {cost['sealtrail'] / cost['structlog']:.2f} (goal: at most 0.7)")


if __name__ == "__main__":
    main()
