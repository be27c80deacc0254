"""What the ledger does in a second, and what an event takes there.

append  producers side by side, each waiting for its receipt: judged, sealed, hashed, written, fdatasynced
sealed  bytes of an event in a sealed volume, its tile and its line with it; what sealing costs
verify  every entry of a trail against what was signed, on one core and on two, at two sizes
proof   the receipt of one entry: by a reader that has just been opened, and by one that has been

An event has 600 bytes with a random request, trace and span id. A trail is made of 65,536 of them, over and
over, each volume beginning at another one. Ten million entries take minutes to make: `--entries 10000000`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sealtrail.capture.ids import new_id
from sealtrail.collect.pipeline import Line, Pipeline
from sealtrail.collect.seen import Seen
from sealtrail.event.codec import encode
from sealtrail.event.entry import seal, stamp, suffix
from sealtrail.event.line import check_line
from sealtrail.event.model import Request, constants
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.log import Log
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import open_key
from sealtrail.ledger.verify import verify
from sealtrail.settings import Settings
from sealtrail.spool.rejects import Rejects

PRODUCERS: Final = 8
BATCH: Final = 500  # events that a producer sends before it waits
APPENDED: Final = 25  # batches of each producer
PROOFS: Final = 200
GOALS: Final = "goals: append 50,000/s, verify 500,000/s on two cores, proof 20 ms, sealed 100 bytes"
PROCESS: Final = constants("shop")


def line(rng: random.Random, number: int, emitter: str) -> bytes:
    """A line as capture makes it, without what would take it beyond 600 bytes in the ledger."""
    name = str(uuid.UUID(int=rng.getrandbits(128)))
    path = rng.choice(("/api/orders", "/api/cart", f"/api/orders/{rng.randrange(100_000)}"))
    event = Request(
        datetime(2026, 1, 2, tzinfo=UTC) + timedelta(milliseconds=number, microseconds=1),
        name,
        "request",
        "event",
        (),
        (),
        "http.request",
        "",
        client_ip=f"10.0.{rng.randrange(256)}.{rng.randrange(256)}",
        request_id=name,
        trace_id=f"{rng.getrandbits(128):032x}",
        span_id=f"{rng.getrandbits(64):016x}",
        method="GET",
        path=path,
        status=200,
    )
    numbered = b',"sealtrail.emitter":"%b","sealtrail.seq":%d}' % (emitter.encode(), number)
    return encode(event)[:-1] + PROCESS + numbered


def lines(count: int) -> list[bytes]:
    rng, emitter = random.Random(7), new_id().replace("-", "")
    return [line(rng, number, emitter) for number in range(count)]


# --- appending


def append(folder: Path) -> tuple[float, float]:
    """(events a second, milliseconds a commit waits for the disk at the median)."""
    folder.mkdir()
    log = Log.open(folder / "trails" / "access", "access", open_key(folder / "keys", "access"))
    audit = Log.open(folder / "trails" / "audit", "audit", open_key(folder / "keys", "audit"))
    pipeline = Pipeline(
        {"access": log, "audit": audit},
        Seen(),
        Rejects(folder / "rejects"),
        Settings(),
        publish=lambda _: None,
        free_space=lambda: "",
        seen_path=folder / "seen",
    )
    work = [[checked(BATCH) for _ in range(APPENDED)] for _ in range(PRODUCERS)]

    def produce(batches: list[list[Line]]) -> None:
        for batch in batches:
            pipeline.submit("spool", batch).result()

    producers = [threading.Thread(target=produce, args=(batches,)) for batches in work]
    pipeline.start()
    begun = time.perf_counter()
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    taken = time.perf_counter() - begun
    pipeline.stop()
    for one in (log, audit):
        one.close()
    return pipeline.counts["accepted"] / taken, pipeline.counts["commits"] / taken


def checked(count: int) -> list[Line]:
    return [(one, check_line(one)) for one in lines(count)]


# --- a trail


class Made:
    """A trail of `size` entries, sealed and signed."""

    def __init__(self, folder: Path, size: int, entries: list[bytes]) -> None:
        folder.mkdir()
        self.folder = folder
        self.volumes = folder / "trails" / "access"
        self.packing = list[float]()
        log = Log.open(self.volumes, "access", open_key(folder / "keys", "access"))
        while log.size < size:
            volume, at = divmod(log.size, VOLUME_ENTRIES)
            turned = [*entries[volume * 997 % VOLUME_ENTRIES :], *entries[: volume * 997 % VOLUME_ENTRIES]]
            for start in range(at, min(VOLUME_ENTRIES, size - volume * VOLUME_ENTRIES), 4096):
                log.append(turned[start : start + 4096])
            log.sync()
            log.publish()
            begun = time.thread_time()
            if log.seal_pending():
                self.packing.append(1e6 * (time.thread_time() - begun) / VOLUME_ENTRIES)
        log.close()

    def bytes(self) -> float:
        """Of an event in what is sealed, and what of `sealed` and `checkpoints` it needs."""
        files = [path for path in self.volumes.iterdir() if not path.name.startswith("active")]
        return sum(path.stat().st_size for path in files) / (len(self.packing) * VOLUME_ENTRIES)

    def verify(self, workers: int) -> float:
        """Entries a second."""
        begun = time.perf_counter()
        report = verify(self.volumes, workers=workers)
        taken = time.perf_counter() - begun
        if report.verdict == "tampered":
            raise SystemExit(f"the trail does not verify: {report.document()}")
        return report.trails[0].size / taken


def proofs(made: Made, size: int) -> tuple[float, float]:
    """Milliseconds of a proof: the first of a reader, and one after that. The median of many entries."""
    rng, first, later = random.Random(5), list[float](), list[float]()
    for _ in range(PROOFS):
        with contextlib.closing(LedgerReader(made.folder)) as reader:
            for taken in (first, later):
                begun = time.perf_counter()
                reader.prove("access", rng.randrange(size))
                taken.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(first), statistics.median(later)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the ledger.")
    parser.add_argument("--entries", type=int, default=20 * VOLUME_ENTRIES, help="of the longer trail")
    wanted = parser.parse_args()
    print(f"The ledger ({GOALS})")
    with tempfile.TemporaryDirectory(prefix="sealtrail-ledger-") as name:
        root = Path(name)
        rate, commits = append(root / "append")
        print(f"  append   {rate:10,.0f} events/s   {PRODUCERS} producers, {commits:,.0f} commits/s")
        ending = suffix(stamp(datetime.now(UTC)), "spool")
        entries = [seal(one, ending) for one in lines(VOLUME_ENTRIES)]
        for size in (wanted.entries // 2, wanted.entries):
            made = Made(root / str(size), size, entries)
            each = sum(map(len, entries)) / len(entries)
            print(f"{size:,} entries of {each:.0f} bytes")
            print(
                f"  sealed   {made.bytes():10.1f} bytes      packing {statistics.median(made.packing):.1f} us"
            )
            for workers in (1, 2):
                print(f"  verify   {made.verify(workers):10,.0f} entries/s  cores: {workers}")
            first, later = proofs(made, size)
            print(f"  proof    {first:10.2f} ms the first, {later:.2f} after that")


if __name__ == "__main__":
    main()
