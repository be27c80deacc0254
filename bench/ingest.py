"""What an event costs the collector: stage by stage on one core, through the whole server, and at the least.

stages  each step in this process, on the same events, round after round; the median of the rounds
whole   a real `sealtrail serve`: CPU of that process from the first line to the last row in the index, all
        of it counted (checking, sealing, fdatasync, index, detection, volumes packed in the background)
floor   the same bytes appended to a plain file with as many fdatasyncs: what durability alone costs

Microseconds depend on the machine and on what else it does; ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sealtrail.capture.ids import new_id, new_span_id
from sealtrail.collect.intake import check_line
from sealtrail.collect.keys import Keys
from sealtrail.collect.seen import Seen
from sealtrail.detect.engine import Engine
from sealtrail.detect.library import load
from sealtrail.event import Batch, Entry, Fields
from sealtrail.event.codec import encode
from sealtrail.event.entry import seal, stamp, suffix
from sealtrail.event.model import Authentication, Event, Request, constants
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.log import Log
from sealtrail.ledger.sign import open_key
from sealtrail.spool.layout import SEGMENT_BYTES, make_folder, segment_name
from sealtrail.store.columnar import ColumnarStore, Limits

BATCH = 1000  # events of one POST, and of one commit of the stage table
ROUND = 20_000  # events a stage takes before the next stage has its turn
ROUTES = ("/api/orders", "/api/orders/<id>", "/api/users/<id>", "/api/cart", "/api/search", "/health")
PROCESS = constants("shop", version="1.4.2", environment="production", host="shop-1", pid=4711)


def make(rng: random.Random, moment: datetime) -> Event:
    """One event as capture makes it: 24 requests to one login."""
    user = f"u{int(rng.paretovariate(0.7)) % 20_000}"
    client = f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}"
    agent = f"shop-client/{rng.randrange(30)}.1 (Linux; x86_64)"
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
            span_id=new_span_id(),
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
        span_id=new_span_id(),
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
    """Seconds of each stage, a figure for every round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def stage(self, name: str, clock: Callable[[], float] = time.process_time) -> Iterator[None]:
        start = clock()
        yield
        self.rounds.setdefault(name, []).append(clock() - start)

    def each(self, name: str, events: int) -> float:
        """Microseconds an event."""
        return 1e6 * statistics.median(self.rounds[name]) / events


PARSE = "parse (msgspec alone: part of the next)"
CHECK = "decode, prove canonical, validate"
JUDGE = "judge: new, duplicate, conflict"
SEAL = "seal: suffix, fields, address"
APPEND = "append: leaf hash, tree, frame, write"
INDEX = "index: columns, live rows"
DETECT = "detect: the rules of the pack"
SEGMENT = "segment: Parquet, Bloom filters"
SYNC = "fdatasync (waiting, no CPU)"
PACK = "seal the volume (zstd, hash again)"
PARTS = (CHECK, JUDGE, SEAL, APPEND, INDEX, SEGMENT, DETECT)


def stages(lines: list[bytes], folder: Path) -> Taken:
    taken = Taken()
    log = Log.open(folder / "trails" / "access", "access", open_key(folder / "keys", "access"))
    store = ColumnarStore.open(folder / "store", limits=Limits(segment_rows=10 * len(lines)))
    engine = Engine(load(), lambda _: None)
    seen, parse = Seen(), msgspec.json.Decoder().decode
    for part in cut(lines, ROUND):
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
        batches = _sealed(taken, checked, log.size)
        del checked
        with taken.stage(APPEND):
            for batch in batches:
                log.append([entry.data for entry in batch.entries])
        with taken.stage(INDEX):
            for batch in batches:
                store.handle(batch)
        with taken.stage(SEGMENT):
            store.flush()
        with taken.stage(DETECT):
            for batch in batches:
                engine.handle(batch)
        with taken.stage(SYNC, time.perf_counter):
            log.sync()
    log.publish()
    with taken.stage(PACK):
        packed = log.seal_pending()
    if packed:
        taken.rounds[PACK][-1] /= packed * VOLUME_ENTRIES / ROUND
    log.close()
    store.close()
    return taken


def _sealed(taken: Taken, checked: list[tuple[bytes, Fields]], at: int) -> list[Batch]:
    """What the writer makes of checked lines; a commit is `BATCH` of them."""
    batches = []
    with taken.stage(SEAL):
        for start in range(0, len(checked), BATCH):
            moment = stamp(datetime.now(UTC))
            ending = suffix(moment, "spool")
            entries = tuple(
                Entry(
                    "access",
                    at + number,
                    seal(line, ending),
                    {**fields, "event.ingested": moment, "sealtrail.source": "spool"},
                )
                for number, (line, fields) in enumerate(checked[start : start + BATCH], start)
            )
            batches.append(Batch(entries, {"access": at + start}, {"access": at + start + len(entries)}))
    return batches


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
    ledger: float  # bytes an event
    index: float


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

    def size(self, room: str) -> int:
        return sum(path.stat().st_size for path in (self.data / room).rglob("*") if path.is_file())

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
        ledger = server.size("trails")
    finally:
        server.stop()
    index = server.size("store")
    return Figures(len(lines) / cpu, len(lines) / wall, ledger / len(lines), index / len(lines))


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


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--stages-only", action="store_true")
    given = parser.parse_args(None if arguments is None else list(arguments))
    lines = events(given.events)
    size = sum(map(len, lines)) / len(lines)
    print(f"{len(lines):,} events of {size:.0f} bytes; CPU of one core, medians of rounds of {ROUND:,}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cpu, wait = floor(lines, folder)
        print_stages(stages(lines, folder))
        print(f"{'floor: append and fdatasync alone':44s} {cpu:8.2f}  ({wait:.2f} with waiting)")
        if given.stages_only:
            return
        print("the whole server, CPU of its process from the first event to the last row of the index")
        for title, over_http in (("spool files", False), ("POST, batches of 1,000", True)):
            done = whole(lines, folder / title.split(maxsplit=1)[0].strip(","), over_http=over_http)
            print(
                f"{title:26s} {done.per_core:9,.0f} events a core-second, {1e6 / done.per_core / cpu:5.1f} x "
                f"the floor; acknowledged at {done.acknowledged:,.0f} a second"
            )
            print(f"{'  on disk, bytes an event':26s} ledger {done.ledger:.0f}, index {done.index:.0f}")
    print("Microseconds hold for this machine and this moment; compare ratios within one run.")


def print_stages(taken: Taken) -> None:
    total = sum(taken.each(name, ROUND) for name in PARTS)
    parse = taken.each(PARSE, ROUND)
    print(f"{'stage':44s} {'us/event':>8s} {'share':>7s} {'x parse':>8s}")
    for name in (PARSE, *PARTS):
        each = taken.each(name, ROUND)
        share = "" if name == PARSE else f"{each / total:7.0%}"
        print(f"{name:44s} {each:8.2f} {share:>7s} {each / parse:8.2f}")
    print(
        f"{'all of these':44s} {total:8.2f} {'':7s} {total / parse:8.2f}   {1e6 / total:,.0f} a core-second"
    )
    print(f"{SYNC:44s} {taken.each(SYNC, ROUND):8.2f}")
    print(f"{PACK:44s} {taken.each(PACK, ROUND):8.2f}   (in the background)")


if __name__ == "__main__":
    main()
