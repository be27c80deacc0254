"""What an event costs the collector: stage by stage on one core, through the whole server, and at the least.

stages  each step in this process, batch after batch; the median of the batches
whole   a real `sealtrail serve`: CPU of that process from the first line to the last row in the index, all
        of it counted (checking, sealing, fdatasync, index, detection, volumes packed in the background)
floor   the same bytes appended to a plain file with as many fdatasyncs: what durability alone costs

Python's search for cycles is set as `sealtrail serve` sets it.

Microseconds depend on the machine and on what else it does; ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sealtrail.accounts.keys import Keys
from sealtrail.capture.ids import new_id
from sealtrail.collect.seen import Seen
from sealtrail.detect.engine import Engine
from sealtrail.detect.library import load
from sealtrail.event import Batch, Entry, Fields
from sealtrail.event.codec import encode
from sealtrail.event.entry import seal, stamp, suffix
from sealtrail.event.line import check_line
from sealtrail.event.model import Authentication, Event, Request, constants
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.log import Log
from sealtrail.ledger.sign import open_key
from sealtrail.spool.layout import SEGMENT_BYTES, make_folder, segment_name
from sealtrail.store.columnar import ColumnarStore, Limits

BATCH = 1000  # events of one POST, and of one commit of the stage table
WHOLE = 60_000  # events that a server is sent
SEGMENT_BATCHES = 25  # a segment of the stage table; the server makes them of 50,000 rows
ROUTES = ("/api/orders", "/api/orders/<id>", "/api/users/<id>", "/api/cart", "/api/search", "/health")
PROCESS = constants("shop", version="1.4.2", environment="production", host="shop-1", pid=4711)


def make(rng: random.Random, moment: datetime) -> Event:
    """One event as capture makes it: 24 requests to one login."""
    person = int(rng.paretovariate(0.7)) % 20_000
    user, client = f"u{person}", f"10.{person % 4}.{person // 256}.{person % 256}"
    agent = f"shop-client/{person % 30}.1 (Linux; x86_64)"
    name, trace = new_id(), f"{rng.getrandbits(128):032x}"
    if rng.random() < 0.04:
        failed = rng.random() < 0.1
        return Authentication(
            moment,
            name,
            "authentication",
            "event",
            ("authentication",),
            ("start",),
            "authn_login_fail" if failed else "authn_login_success",
            "failure" if failed else "success",
            user_id="" if failed else user,
            user_hash=f"h1-{rng.getrandbits(128):032x}" if failed else "",
            client_ip=client,
            user_agent=agent,
            request_id=name,
            trace_id=trace,
            span_id=f"{rng.getrandbits(64):016x}",
            auth_method="password",
        )
    route = rng.choice(ROUTES)
    status = rng.choices((200, 201, 304, 401, 404, 500), (80, 5, 5, 5, 4, 1))[0]
    path = route.replace("<id>", str(rng.randrange(100_000)))
    event = Request(
        moment,
        name,
        "request",
        "event",
        ("web", "api"),
        ("access", "denied" if status == 401 else "allowed"),
        "http.request",
        "failure" if status >= 400 else "success",
        duration=int(rng.expovariate(1 / 8_000_000)),
        user_id=user,
        client_ip=client,
        user_agent=agent,
        request_id=name,
        trace_id=trace,
        span_id=f"{rng.getrandbits(64):016x}",
        method=rng.choice(("GET", "GET", "GET", "POST", "PUT")),
        path=path,
        route=route,
        status=status,
        response_bytes=rng.randrange(100, 20_000),
    )
    if route == "/api/orders/<id>":
        event.object_type, event.object_id, event.object_owner = "order", path.rpartition("/")[2], user
    return event


def events(count: int, emitters: int = 4) -> list[bytes]:
    """`count` spool lines of as many processes, a millisecond apart, the last of them now."""
    rng = random.Random(7)
    begin = datetime.now(UTC) - timedelta(milliseconds=count)
    names = [new_id().replace("-", "").encode() for _ in range(emitters)]
    lines = []
    for number in range(count):
        moment = begin + timedelta(milliseconds=number, microseconds=1)
        emitter, seq = names[number % emitters], number // emitters
        line = encode(make(rng, moment))[:-1] + PROCESS
        lines.append(b'%b,"sealtrail.emitter":"%b","sealtrail.seq":%d}' % (line, emitter, seq))
    return lines


def cut(lines: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(lines), size):
        yield lines[start : start + size]


# --- stages


class Taken:
    """Seconds of each stage, a figure for every time it ran, and how many events that was."""

    def __init__(self) -> None:
        self._figures: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def stage(
        self, name: str, events: int = BATCH, clock: Callable[[], float] = time.process_time
    ) -> Iterator[None]:
        start = clock()
        yield
        self._figures.setdefault(name, []).append(1e6 * (clock() - start) / events)

    def each(self, name: str) -> float:
        """Microseconds an event, the median."""
        return statistics.median(self._figures[name])


PARSE = "parse (msgspec alone; part of the next)"
CHECK = "decode, prove canonical, validate"
JUDGE = "judge: new, duplicate, conflict"
SEAL = "seal: suffix, fields, address"
APPEND = "append: leaf hash, tree, frame, write"
INDEX = "index: columns, live rows"
DETECT = "detect: the rules of the pack"
SEGMENT = "segment: Parquet, Bloom filters"
SYNC = "fdatasync (waiting)"
PACK = "seal the volume: zstd, hash again"
PARTS = (CHECK, JUDGE, SEAL, APPEND, INDEX, SEGMENT, DETECT)


class Sizes(NamedTuple):
    """Bytes an event on disk; `sealed` is 0 where there were too few events to fill a volume."""

    active: float
    sealed: float
    index: float


def stages(lines: list[bytes], folder: Path) -> tuple[Taken, Sizes]:
    """Each batch goes through all stages before the next does, as in the server."""
    taken = Taken()
    trail = folder / "trails" / "access"
    log = Log.open(trail, "access", open_key(folder / "keys", "access"))
    store = ColumnarStore.open(folder / "store", limits=Limits(segment_rows=10 * len(lines)))
    engine = Engine(load(), lambda _: None)
    seen, parse = Seen(), msgspec.json.Decoder().decode
    for number, part in enumerate(cut(lines, BATCH), 1):
        with taken.stage(PARSE):
            for line in part:
                parse(line)
        with taken.stage(CHECK):
            checked = [(line, check_line(line)) for line in part]
        with taken.stage(JUDGE):
            for line, fields in checked:
                emitter, seq = fields["sealtrail.emitter"], fields["sealtrail.seq"]
                if seen.judge("spool", emitter, seq, line) == "new":
                    seen.add("spool", emitter, seq, line)
        with taken.stage(SEAL):
            batch = sealed(checked, log.size)
        with taken.stage(APPEND):
            log.append([entry.data for entry in batch.entries])
        with taken.stage(SYNC, clock=time.perf_counter):
            log.sync()
        with taken.stage(INDEX):
            store.handle(batch)
        with taken.stage(DETECT):
            engine.handle(batch)
        if number % SEGMENT_BATCHES == 0:
            with taken.stage(SEGMENT, SEGMENT_BATCHES * BATCH):
                store.flush()
    log.publish()
    active = sum(path.stat().st_size for path in trail.glob("active-*")) / len(lines)
    with taken.stage(PACK, VOLUME_ENTRIES):
        packed = log.seal_pending()
    volumes = sum(path.stat().st_size for path in trail.glob("volume-*"))
    log.close()
    store.flush()
    index = sum(path.stat().st_size for path in (folder / "store").iterdir()) / len(lines)
    store.close()
    return taken, Sizes(active, volumes / (packed * VOLUME_ENTRIES) if packed else 0.0, index)


def sealed(checked: list[tuple[bytes, Fields]], at: int) -> Batch:
    """What the writer makes of checked lines in one commit."""
    moment = stamp(datetime.now(UTC))
    ending = suffix(moment, "spool")
    entries = tuple(
        Entry(
            "access",
            at + number,
            seal(line, ending),
            {**fields, "event.ingested": moment, "sealtrail.source": "spool"},
        )
        for number, (line, fields) in enumerate(checked)
    )
    return Batch(entries, {"access": at}, {"access": at + len(entries)})


# --- the floor


def floor(lines: list[bytes], folder: Path) -> tuple[float, float]:
    """(CPU, waiting) in microseconds an event of appending a batch and syncing it, again and again."""
    bodies = [b"\n".join(part) + b"\n" for part in cut(lines, BATCH)]
    descriptor = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    cpu, wall = time.process_time(), time.perf_counter()
    for body in bodies:
        os.write(descriptor, body)
        os.fdatasync(descriptor)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    os.close(descriptor)
    return 1e6 * cpu / len(lines), 1e6 * wall / len(lines)


# --- the whole


class Figures(NamedTuple):
    """Of one run: events a core-second with everything done, and a second until acknowledged."""

    per_core: float
    acknowledged: float


class Server:
    """A `sealtrail serve` of its own process."""

    def __init__(self, folder: Path) -> None:
        self.data, self.spool = folder / "data", folder / "spool"
        make_folder(self.spool)
        command = ["serve", "--data", str(self.data), "--spool", str(self.spool), "--port", "0"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sealtrail", *command], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        self._port = int(first.rpartition(":")[2])
        keys = Keys(self.data / "keys")
        self._send, self._read = (keys.new(role)[1] for role in ("ingest", "viewer"))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def cpu(self) -> float:
        """Seconds of CPU the server has used so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def post(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        """Events acknowledged of one body."""
        head = {"Authorization": f"Bearer {self._send}", "Content-Type": "application/x-ndjson"}
        connection.request("POST", "/api/v1/events", body, head)
        answer = connection.getresponse()
        told: dict[str, Any] = msgspec.json.decode(answer.read())
        if answer.status != 200:
            raise SystemExit(f"the server refused a batch: {told}")
        return int(told["accepted"])

    def health(self) -> dict[str, Any]:
        connection = self.connect()
        for _ in range(100):  # it says where it listens a moment before it does
            with contextlib.suppress(ConnectionRefusedError):
                connection.connect()
                break
            time.sleep(0.05)
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {self._read}"})
        found: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
        connection.close()
        return found

    def await_accepted(self, count: int) -> None:
        while self.health()["counts"]["accepted"] < count:
            time.sleep(0.05)

    def await_followers(self) -> None:
        while any(self.health()["lag"].values()):
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.stderr is not None
        self._process.stderr.read()
        self._process.wait()


def whole(lines: list[bytes], folder: Path, *, over_http: bool) -> Figures:
    folder.mkdir()
    server = Server(folder)
    try:
        before = server.health()["counts"]["accepted"]
        started = server.cpu()
        wall = time.perf_counter()
        if over_http:
            connection = server.connect()
            told = sum(server.post(connection, b"\n".join(part)) for part in cut(lines, BATCH))
            if told != len(lines):
                raise SystemExit(f"{told} of {len(lines)} events were acknowledged")
        else:
            _spill(lines, server.spool)
            server.await_accepted(before + len(lines))
        wall = time.perf_counter() - wall
        server.await_followers()
        cpu = server.cpu() - started
    finally:
        server.stop()
    return Figures(len(lines) / cpu, len(lines) / wall)


def _spill(lines: list[bytes], spool: Path) -> None:
    """What applications that are gone left behind. A segment gets its name once it is whole."""
    emitters: dict[bytes, list[bytes]] = {}
    for line in lines:
        emitters.setdefault(line.rpartition(b'"sealtrail.emitter":"')[2][:32], []).append(line)
    for emitter, own in emitters.items():
        for number, part in enumerate(cut(own, SEGMENT_BYTES // len(own[0]))):
            name = segment_name(emitter.decode(), number)
            staged = spool / f".{name}"
            staged.write_bytes(b"\n".join(part) + b"\n")
            staged.rename(spool / name)


# --- what is printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="a multiple of 25,000 (100,000)")
    parser.add_argument("--stages-only", action="store_true")
    given = parser.parse_args()
    lines = events(given.events)
    gc.set_threshold(50_000, 20, 20)
    size = sum(map(len, lines)) / len(lines)
    print(f"{len(lines):,} events of {size:.0f} bytes, {BATCH:,} a commit; CPU of one core, medians")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        least, waiting = floor(lines, folder)
        taken, sizes = stages(lines, folder)
        print_stages(taken)
        print(f"{'floor: append the same bytes, fdatasync':42s} {least:8.2f}   ({waiting:.2f} with waiting)")
        print(
            f"bytes an event: {size:.0f} sent, {sizes.active:.0f} in the ledger, {sizes.sealed:.0f} once its "
            f"volume is sealed, {sizes.index:.0f} in the index"
        )
        if given.stages_only:
            return
        print(
            "the whole server, 60,000 events: CPU of its process from the first to the last row of the index"
        )
        for room, title, over_http in (("spool", "spool files", False), ("http", "POST, 1,000 each", True)):
            done = whole(lines[:WHOLE], folder / room, over_http=over_http)
            each = 1e6 / done.per_core
            print(
                f"{title:18s}{done.per_core:9,.0f} events a core-second ({each:.0f} us, {each / least:.0f} x "
                f"the floor); {done.acknowledged:,.0f} a second acknowledged"
            )
    print("Microseconds hold for this machine and this moment; compare ratios within one run.")


def print_stages(taken: Taken) -> None:
    total, parse = sum(map(taken.each, PARTS)), taken.each(PARSE)
    print(f"{'stage':42s} {'us/event':>8s} {'share':>7s} {'x parse':>8s}")
    for name in (PARSE, *PARTS):
        share = "" if name == PARSE else f"{taken.each(name) / total:.0%}"
        print(f"{name:42s} {taken.each(name):8.2f} {share:>7s} {taken.each(name) / parse:8.2f}")
    print(
        f"{'all of these':42s} {total:8.2f} {'':7s} {total / parse:8.2f}   {1e6 / total:,.0f} a core-second"
    )
    print(f"{SYNC:42s} {taken.each(SYNC):8.2f}")
    print(f"{PACK:42s} {taken.each(PACK):8.2f}   (in the background)")


if __name__ == "__main__":
    main()
