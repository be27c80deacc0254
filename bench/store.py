"""The index: rows indexed a second, and the questions people ask most, on synthetic events. Under 30 s."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sealtrail.event import Batch, Entry, Fields
from sealtrail.event.codec import canonical, decode, ordered
from sealtrail.store.query import times

START = times.span("2026-11-24").start
ROUTES = (
    "/api/orders",
    "/api/orders/<id>",
    "/api/users/<id>",
    "/login",
    "/health",
    "/api/cart",
    "/api/search",
)
STEP = 40_000  # microseconds between events


def event(number: int, rng: random.Random) -> Fields:
    """One request as capture writes it: about 600 bytes, of which some 40 are random."""
    route = rng.choice(ROUTES)
    moment = START + number * STEP + rng.randrange(STEP)
    status = rng.choices((200, 201, 304, 401, 404, 500), (80, 5, 5, 5, 4, 1))[0]
    return ordered(
        {
            "@timestamp": times.stamp(moment),
            "event.id": f"{moment // 1000:012x}{rng.getrandbits(80):020x}",
            "sealtrail.kind": "request",
            "event.kind": "event",
            "event.category": ["web", "api"],
            "event.type": ["access", "denied" if status == 401 else "allowed"],
            "event.action": f"{route.split('/')[-1].strip('<>')}.read",
            "event.outcome": "failure" if status >= 400 else "success",
            "event.duration": int(rng.expovariate(1 / 8_000_000)),
            "user.id": f"u{int(rng.paretovariate(0.7)) % 20_000}",
            "organization.id": f"t{rng.randrange(40)}",
            "client.ip": f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "user_agent.original": f"shop-client/{rng.randrange(30)}.1 (Linux; x86_64)",
            "http.request.id": f"{rng.getrandbits(128):032x}",
            "trace.id": f"{rng.getrandbits(128):032x}",
            "span.id": f"{rng.getrandbits(64):016x}",
            "http.request.method": rng.choice(("GET", "GET", "GET", "POST", "PUT")),
            "url.path": route.replace("<id>", str(rng.randrange(100_000))),
            "http.route": route,
            "http.response.status_code": status,
            "http.response.body.bytes": rng.randrange(100, 20_000),
            "service.name": rng.choice(("shop", "billing")),
            "sealtrail.emitter": f"e{rng.randrange(4)}",
            "sealtrail.seq": number,
            "event.ingested": times.stamp(moment // 1_000_000 * 1_000_000),
            "sealtrail.source": "spool",
        }
    )


def batches(events: int, size: int) -> Iterator[Batch]:
    rng = random.Random(7)
    for start in range(0, events, size):
        lines = [canonical(event(number, rng)) for number in range(start, min(start + size, events))]
        entries = tuple(Entry("access", start + i, line, decode(line)) for i, line in enumerate(lines))
        yield Batch(entries, {"access": start}, {"access": start + len(entries)})


def milliseconds(ask: Callable[[], Any], repeats: int = 5) -> float:
    ask()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def main(events: int = 200_000) -> None:
    from sealtrail.store import manifest
    from sealtrail.store.columnar import ColumnarStore, Limits
    from sealtrail.store.query import parse

    with tempfile.TemporaryDirectory() as folder:
        store = ColumnarStore.open(Path(folder) / "store", limits=Limits(segment_rows=20_000))
        taken = 0.0
        last: Fields = {}
        for batch in batches(events, 2000):
            start = time.process_time()
            store.handle(batch)
            taken += time.process_time() - start
            last = batch.entries[len(batch.entries) // 2].fields
        print(f"indexed  {events:,} events, {events / taken:10,.0f} a core-second, live rows and segments")
        start = time.process_time()
        while store.maintain(0.0):
            pass
        print(f"merging  {time.process_time() - start:10.2f} s")
        size = sum(segment.bytes for segment in manifest.load(Path(folder) / "store").segments)
        print(f"disk     {size / events:10.0f} bytes an event")
        half = START + events * STEP // 2
        needle = parse(f"http.request.id:{last['http.request.id']}")
        asked: dict[str, Callable[[], Any]] = {
            "one request id": lambda: store.search(needle),
            "one user, two hours": lambda: store.search(
                parse("user.id:u17"), since=half, until=half + 2 * times.HOUR
            ),
            "last 100": lambda: store.search(parse("*")),
            "100 before the middle": lambda: store.search(parse("*"), until=half),
            "top 20 addresses by 401": lambda: store.count_by(
                parse("http.response.status_code:401"), "client.ip", limit=20
            ),
            "status counts": lambda: store.count_by(parse("*"), "http.response.status_code"),
            "a network": lambda: store.count(parse("client.ip:10.2.128.0/20")),
            "by minute": lambda: store.histogram(parse("*"), times.MINUTE),
            "in the path, rare": lambda: store.count(parse("url.path:*9999*")),
            "anywhere, rare": lambda: store.search(parse("orders/99999")),
        }
        for name, ask in asked.items():
            print(f"{name:26s} {milliseconds(ask):8.1f} ms")
        store.close()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
