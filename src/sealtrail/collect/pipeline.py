"""The page to read first: how lines become entries, and when a producer is told so.

One thread owns the ledger. It takes what is queued, in turn:

 1. decides for every line whether it is new, a duplicate or a conflict        (seen)
 2. stamps the commit: one `event.ingested` for all of it, later than any before
 3. appends the new entries to their trails, a frame a trail                    (ledger, no fsync yet)
 4. syncs the trails it touched                                                 <- durable from here
 5. answers the waiters, then hands the parsed batch to the followers

A crash before 4 loses only what nobody was told is safe: producers send it again. A crash between 4 and 5
repeats it: the producer sends it again and step 1 calls it a duplicate, for its table is rebuilt from the
ledger. If a write or a sync fails, the state of the disk is unknown: the pipeline stops for good, and
recovery happens at the next start.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sealtrail.collect.conflicts import Conflicts
from sealtrail.collect.own import Voice, head_event, rotate_event, successor_event
from sealtrail.collect.seen import Seen
from sealtrail.collect.timing import Spread
from sealtrail.errors import BusyError, LedgerError, SealtrailError, TamperedError
from sealtrail.event import (
    TRAIL_OF,
    TRAILS,
    Batch,
    Entry,
    Fields,
    Position,
    Range,
    Receipt,
    base_of,
    generation_of,
    kind_of,
    predecessor,
    trail_name,
)
from sealtrail.event.entry import ingested, seal, stamp, suffix
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.log import Log
from sealtrail.ledger.note import Signer
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.rotation import settle
from sealtrail.ledger.sign import Passphrase, held_elsewhere, no_passphrase, open_key
from sealtrail.settings import Settings
from sealtrail.spool.rejects import Rejects

_log = logging.getLogger("sealtrail.pipeline")

Line = tuple[bytes, Fields]
"""A checked, canonical line and its fields."""

# One commit holds at most this: larger ones only make the waiters of its first line wait longer.
COMMIT_BYTES: Final = 4 * 1024 * 1024

# How far the snapshot of the exactly-once table may lag: it bounds what a start has to read.
SNAPSHOT_ENTRIES: Final = 100_000


class Trails(NamedTuple):
    """What a writer appends to, and how far the trails reach that it only reads."""

    logs: dict[str, Log]
    before: Position


def open_trails(
    data: Path,
    *,
    origin: str = "",
    volume_entries: int = VOLUME_ENTRIES,
    succeed: bool = False,
    passphrase: Passphrase = no_passphrase,
    signer: Callable[[str], Signer] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Trails:
    """The trails of a data folder, the latest generation of each open for appending and recovered.

    All or none: one that cannot be opened closes the others. `succeed` opens a new generation, for a folder
    that was copied from another one. `signer` gives the signers of trails whose keys are not in the folder.
    A crash on the way leaves one trail of the new generation at least, so
    the next call opens the same one, and never the one before it.
    """
    trails, keys = data / "trails", data / "keys"
    there = [path.name for path in trails.glob("*")] + [path.stem for path in keys.glob("*.vkey")]
    generation = max((generation_of(name) for name in there if base_of(name) in TRAILS), default=1)
    generation += succeed
    with ExitStack() as opened:
        logs = {}
        for base in TRAILS:
            trail = trail_name(base, generation)
            key: Signer
            if signer is not None:
                key = held_elsewhere(keys, trail, signer(trail), origin=origin)
            else:
                settle(keys, trail, handovers_of(trails / trail))
                key = open_key(keys, trail, origin=origin, passphrase=passphrase)
            logs[trail] = Log.open(trails / trail, trail, key, volume_entries=volume_entries)
            opened.callback(logs[trail].close)
        reader = LedgerReader(data, volume_entries=volume_entries)
        opened.callback(reader.close)
        before = {name: size for name, size in reader.sizes().items() if name not in logs}
        if generation > 1:
            _link(logs, reader, before, clock)
        reader.close()
        opened.pop_all()
    return Trails(logs, before)


def _link(
    logs: Mapping[str, Log], reader: LedgerReader, before: Position, clock: Callable[[], datetime]
) -> None:
    """Begin each successor with what it goes on from, and sign that before anything follows."""
    lasts = [ingested(reader.entry(trail, size - 1)) for trail, size in before.items() if size]
    moment = stamp(clock())
    if lasts and moment <= max(lasts):
        moment = stamp(datetime.fromisoformat(max(lasts)) + timedelta(microseconds=1))
    voice = Voice(clock)
    for trail, log in logs.items():
        if log.published:
            continue
        if not log.size:
            line, _ = voice.line(_end_of(predecessor(trail), reader, before))
            log.append([seal(line, suffix(moment, voice.source))])
        log.sync()
        log.publish()


def _end_of(trail: str, reader: LedgerReader, before: Position) -> Fields:
    """The link to a predecessor. Raises TamperedError when its last checkpoint does not fit its entries."""
    size, note = before.get(trail, 0), reader.checkpoint(trail)
    signed, _ = Checkpoint.from_note(note)
    if signed.size > size or reader.root(trail, signed.size) != signed.root:
        raise TamperedError("its entries are not the ones that its last checkpoint signed", trail=trail)
    return successor_event(trail, size, reader.root(trail, size), note)


class Submission(msgspec.Struct):
    """Lines of one source, and who waits for them."""

    source: str
    lines: Sequence[Line]
    size: int
    future: Future[Receipt]


class Mark(msgspec.Struct):
    """Somebody wants to know how far the trails reach, at a place where all of it is signed."""

    future: Future[Position]


class Rotation(msgspec.Struct):
    """Trails go on under new keys. The future resolves when the new keys sign."""

    signers: Mapping[str, Signer]
    by: str
    reason: str
    request: str
    future: Future[Position]


class Pipeline:
    """The only writer. `submit` may be called from any thread."""

    def __init__(
        self,
        logs: Mapping[str, Log],
        seen: Seen,
        rejects: Rejects,
        settings: Settings,
        *,
        publish: Callable[[Batch], None],
        free_space: Callable[[], str],
        seen_path: Path,
        before: Position | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._logs = dict(logs)
        self._trail_of = {
            kind: trail for kind, base in TRAIL_OF.items() for trail in logs if base_of(trail) == base
        }
        self._before = dict(before or {})  # trails of earlier generations, which end where they are
        self._seen = seen
        self._rejects = rejects
        self._settings = settings
        self._publish = publish
        self._free_space = free_space
        self._seen_path = seen_path
        self._clock = clock
        self._queue: queue.SimpleQueue[Submission | Mark | Rotation | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._waiting = 0
        self._refusing: SealtrailError | None = None
        self._last = max((log.last_ingested() for log in logs.values()), default="")
        self._voice = Voice(clock)
        self._conflicts = Conflicts()
        self._news = False
        self._signed_at = clock()
        self.syncs = Spread()
        self.failed = threading.Event()
        self.counts = {"accepted": 0, "duplicates": 0, "conflicts": 0, "commits": 0}
        self._thread = threading.Thread(target=self._run, name="sealtrail-writer", daemon=True)

    # --- for everybody

    def start(self) -> None:
        self._thread.start()

    def submit(self, source: str, lines: Sequence[Line]) -> Future[Receipt]:
        """Queue checked lines. The future resolves when they are on disk.

        Raises BusyError when the queue or the disk is full: the caller keeps the lines and tries again.
        """
        return self._queue_up(source, lines, self._free_space())

    def record(self, fields: Fields) -> Future[Receipt]:
        """Write an event of the collector's own, such as a start, a gap, an alert or a block.

        Also on a disk that is nearly full, which is what the free space is kept for: without its event no old
        volume could go.
        """
        return self._queue_up(self._voice.source, [self._voice.line(fields)], "")

    def _queue_up(self, source: str, lines: Sequence[Line], full: str) -> Future[Receipt]:
        size = sum(len(line) for line, _ in lines)
        future: Future[Receipt] = Future()
        with self._gate:
            if self._refusing is not None:
                raise self._refusing
            if full:
                raise BusyError(
                    "busy.disk", full, retry_after=30, hint="Free space, or lower [disk] in settings.toml."
                )
            if self._waiting and self._waiting + size > self._settings.intake.queue_bytes:
                raise BusyError("busy.queue", "the collector is behind; nothing was taken", retry_after=1)
            self._waiting += size
            self._queue.put(Submission(source, lines, size, future))
        return future

    @property
    def waiting(self) -> int:
        """Bytes of lines that are queued and not written yet."""
        with self._gate:
            return self._waiting

    @property
    def signed_at(self) -> datetime:
        """When the trails were last signed; when the writer was made, before the first time."""
        return self._signed_at

    def mark(self) -> Future[Position]:
        """Sign everything queued up to now; the future says how far the trails reach then.

        The place is between two commits and at a checkpoint of every trail, so a copy that ends there holds
        all that was acknowledged before this was called, and no trail in it speaks of what another lacks.
        """
        future: Future[Position] = Future()
        with self._gate:
            if self._refusing is not None:
                raise self._refusing
            self._queue.put(Mark(future))
        return future

    def rotate(
        self, signers: Mapping[str, Signer], by: str, reason: str = "", request: str = ""
    ) -> Future[Position]:
        """Hand trails over to new keys; the future gives the size of each at its hand-over.

        A statement that names both keys becomes an entry of the trail, and of the audit trail where that is
        another one, and then old and new key sign it together.
        """
        future: Future[Position] = Future()
        with self._gate:
            if self._refusing is not None:
                raise self._refusing
            self._queue.put(Rotation(signers, by, reason, request, future))
        return future

    def ready(self) -> str:
        """Empty when lines are accepted, else why they are not."""
        with self._gate:
            return self._refusing.what if self._refusing is not None else self._free_space()

    def gaps(self, source: str, emitter: str) -> list[tuple[int, int]]:
        """Numbers of a finished emitter that never arrived, as half-open ranges."""
        return self._seen.gaps(source, emitter)

    def trail(self, base: str) -> str:
        """The trail that entries of a base go to now: `audit`, or the latest of its successors."""
        return next(trail for trail in self._logs if base_of(trail) == base)

    def published(self, trail: str) -> int:
        """How many entries of a trail that is written its latest checkpoint covers."""
        return self._logs[trail].published

    def seal_pending(self) -> int:
        """Seal full volumes; how many. Slow, and safe beside the writer: for a housekeeper's thread."""
        return sum(log.seal_pending() for log in self._logs.values())

    def heads(self) -> Position:
        """Entries in each trail, those of earlier generations among them."""
        return {**self._before, **{trail: log.size for trail, log in self._logs.items()}}

    def stop(self) -> None:
        """Refuse new lines, commit what is queued, sign, and end. Safe to call twice."""
        with self._gate:
            if self._refusing is None:
                self._refusing = BusyError("busy.stopping", "the collector is stopping", retry_after=5)
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    # --- the writer's thread

    def _run(self) -> None:
        try:
            while self._turn():
                pass
            if self._conflicts:
                self._commit([], 0)
            if self._news:
                self._sign()
            self._keep_seen()
        except Exception as error:  # a writer that dies unheard would leave waiters waiting
            self._fail(error)

    def _turn(self) -> bool:
        """One commit, or one quiet moment. False when it is time to end."""
        batch: list[Submission] = []
        mark: Mark | Rotation | None = None
        size, last = 0, False
        try:
            item = self._queue.get(timeout=self._patience())
            while True:
                if item is None:
                    last = True
                    break
                if isinstance(item, Mark | Rotation):
                    mark = item
                    break
                # From here on a waiter that goes away can no longer take the submission back.
                if item.future.set_running_or_notify_cancel():
                    batch.append(item)
                    size += item.size
                else:
                    self._settle(item.size)
                if size >= COMMIT_BYTES:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        try:
            if batch:
                self._commit(batch, size)
            if isinstance(mark, Rotation):
                mark.future.set_result(self._rotate(mark))
            elif mark is not None:
                if self._news:
                    self._sign()
                mark.future.set_result(self.heads())
        except Exception as error:
            if mark is not None:
                mark.future.set_exception(error)
            raise
        if self._news and not last and self._patience() <= 0:
            self._sign()
        return not last

    def _patience(self) -> float:
        """Seconds until the next checkpoint is due; a while, when there is nothing to sign."""
        if not self._news:
            return 3600.0
        age = (self._clock() - self._signed_at).total_seconds()
        every = self._settings.ledger.checkpoint_seconds
        # A clock that was set back must not keep news unsigned.
        return max(0.0, every - age) if age >= 0 else 0.0

    def _commit(self, batch: list[Submission], size: int) -> None:
        moment = self._moment()
        start = self.heads()
        fresh: dict[str, list[Entry]] = {trail: [] for trail in self._logs}
        try:
            told = [(item, *self._sort(item, moment, start, fresh)) for item in batch]
            self._tell_conflicts(moment, start, fresh, last=not batch)
            self._write(fresh)
        except Exception as error:
            for item in batch:
                item.future.set_exception(error)
            raise
        finally:
            self._settle(size)
        end = self.heads()
        self._news = self._news or end != start
        self.counts["commits"] += 1
        for item, duplicates, conflicts, places in told:
            self._answer(item, duplicates, conflicts, places, end)
        if end != start:
            self._hand_on(fresh, start, end)

    def _sort(
        self, item: Submission, moment: str, start: Position, fresh: dict[str, list[Entry]]
    ) -> tuple[int, int, dict[str, tuple[int, int]]]:
        """New lines into `fresh`. Gives duplicates, conflicts, and where in each trail the new ones stand."""
        source, judge, add = item.source, self._seen.judge, self._seen.add
        ending = suffix(moment, source)
        duplicates = conflicts = 0
        first = {trail: start[trail] + len(entries) for trail, entries in fresh.items()}
        for line, fields in item.lines:
            emitter, seq = fields["sealtrail.emitter"], fields["sealtrail.seq"]
            verdict = judge(source, emitter, seq, line)
            if verdict == "new":
                trail = self._trail_of[kind_of(fields)]
                entries = fresh[trail]
                known = {**fields, "event.ingested": moment, "sealtrail.source": source}
                entries.append(Entry(trail, start[trail] + len(entries), seal(line, ending), known))
                add(source, emitter, seq, line)
            elif verdict == "duplicate" or source == self._voice.source:
                duplicates += 1  # our own identities are deterministic: the first statement stands
            else:
                conflicts += 1
                self._rejects.conflict(source, emitter, seq, line)
                self._conflicts.add(source, emitter, seq)
        end = {trail: start[trail] + len(entries) for trail, entries in fresh.items()}
        return duplicates, conflicts, {t: (first[t], end[t]) for t in fresh if first[t] < end[t]}

    def _tell_conflicts(
        self, moment: str, start: Position, fresh: dict[str, list[Entry]], *, last: bool
    ) -> None:
        """In the commit that found them, so that it needs no room in the queue and is not lost with it."""
        event = self._conflicts.due(self._clock(), last=last)
        if event is not None:
            lines = [self._voice.line(event)]
            self._sort(Submission(self._voice.source, lines, 0, Future()), moment, start, fresh)

    def _answer(
        self,
        item: Submission,
        duplicates: int,
        conflicts: int,
        places: dict[str, tuple[int, int]],
        end: Position,
    ) -> None:
        ranges = tuple(
            Range(trail, (place,), end[trail], self._logs[trail].checkpoint().decode())
            for trail, place in places.items()
        )
        accepted = sum(stop - first for first, stop in places.values())
        self.counts["accepted"] += accepted
        self.counts["duplicates"] += duplicates
        self.counts["conflicts"] += conflicts
        item.future.set_result(Receipt(accepted, duplicates, conflicts, ranges))

    def _write(self, fresh: Mapping[str, list[Entry]]) -> None:
        """Append to every trail that has news, then make it durable: nothing is synced twice."""
        written = [self._logs[trail] for trail, entries in fresh.items() if entries]
        for log in written:
            log.append([entry.data for entry in fresh[log.trail]])
        begun = time.perf_counter()
        for log in written:
            log.sync()
        if written:
            self.syncs.observe(time.perf_counter() - begun)

    def _settle(self, size: int) -> None:
        with self._gate:
            self._waiting -= size

    def _hand_on(self, fresh: Mapping[str, list[Entry]], start: Position, end: Position) -> None:
        entries = tuple(entry for trail in self._logs for entry in fresh[trail])
        self._publish(Batch(entries, start, end))

    def _moment(self) -> str:
        """Later than every stamp before, also when the clock was set back: it is the order across trails."""
        now = stamp(self._clock())
        if now <= self._last:
            now = stamp(datetime.fromisoformat(self._last) + timedelta(microseconds=1))
        self._last = now
        return now

    def _own(self, says: Mapping[str, Sequence[Fields]]) -> dict[str, list[Entry]]:
        """Write events of the collector's own to the trails that are named, in one commit, durably."""
        start, moment = self.heads(), self._moment()
        ending = suffix(moment, self._voice.source)
        fresh: dict[str, list[Entry]] = {trail: [] for trail in self._logs}
        for trail in self._logs:
            for said in says.get(trail, ()):
                line, fields = self._voice.line(said)
                self._seen.add(self._voice.source, fields["sealtrail.emitter"], fields["sealtrail.seq"], line)
                known = {**fields, "event.ingested": moment, "sealtrail.source": self._voice.source}
                index = start[trail] + len(fresh[trail])
                fresh[trail].append(Entry(trail, index, seal(line, ending), known))
        self._write(fresh)
        return fresh

    def _rotate(self, asked: Rotation) -> Position:
        """The statements, durable, then a checkpoint of every trail, which hands those of `asked` over."""
        start, audit = self.heads(), self.trail("audit")
        says: dict[str, list[Fields]] = {trail: [] for trail in self._logs}
        for trail, signer in asked.signers.items():
            said = rotate_event(
                trail, self._logs[trail].key.text, signer.key.text, asked.by, asked.reason, asked.request
            )
            for place in {trail, audit}:
                says[place].append(said)
        fresh = self._own(says)
        self._hand_on(fresh, start, self.heads())
        states = {
            trail: next(e for e in fresh[trail] if e.fields["sealtrail.range.trail"] == trail)
            for trail in asked.signers
        }
        self._sign({trail: (signer, states[trail]) for trail, signer in asked.signers.items()})
        return {trail: self._logs[trail].published for trail in asked.signers}

    def _sign(self, hand_over: Mapping[str, tuple[Signer, Entry]] | None = None) -> None:
        """Record each trail's head in the other trail, then sign all of them.

        The record is the last entry under each checkpoint, so a checkpoint that is removed from the history
        leaves an entry that proves it was there. These records are not news: otherwise they would never end.
        """
        start = self.heads()
        roots = {trail: self._logs[trail].head() for trail in self._logs}
        fresh = self._own(
            {
                trail: [head_event(other, *root) for other, root in roots.items() if other != trail]
                for trail in self._logs
            }
        )
        for trail, log in self._logs.items():
            if hand_over is not None and trail in hand_over:
                signer, statement = hand_over[trail]
                log.hand_over(signer, statement.index, statement.data)
            else:
                log.publish()
        self._news = False
        self._signed_at = self._clock()
        end = self.heads()
        self._hand_on(fresh, start, end)
        if sum(end.values()) - sum(self._seen.position.values()) > SNAPSHOT_ENTRIES:
            self._keep_seen()

    def _keep_seen(self) -> None:
        try:
            self._seen.save(self._seen_path, self.heads())
        except OSError as error:
            # It saves reading at the next start, no more: no reason to refuse anybody's events.
            _log.warning("the table of what was seen cannot be kept: %s", error)

    def _fail(self, error: Exception) -> None:
        _log.critical("the ledger cannot be written: nothing is accepted any more", exc_info=error)
        wrapped = error if isinstance(error, LedgerError) else LedgerError("ledger.io", str(error))
        with self._gate:
            self._refusing = wrapped
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                item.future.set_exception(wrapped)
        self.failed.set()
