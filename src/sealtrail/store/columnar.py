"""The columnar store: Parquet segments and live rows, fed by following the ledger, queried together.

Life of a row: `handle` makes it live; at a size or an age the live rows become a segment and the manifest
says so in one rename; small segments are merged; a file nobody names is deleted after a grace period. If we
die anywhere, the manifest stands for what is in segments, and the ledger is followed again from its position.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec

from sealtrail.errors import BusyError, UsageError
from sealtrail.event import Batch, Position
from sealtrail.store import compaction, manifest, segments
from sealtrail.store.answers import Answers
from sealtrail.store.base import Hit, Place
from sealtrail.store.columns import table
from sealtrail.store.engine import Engine
from sealtrail.store.lending import Loan, lent
from sealtrail.store.live import Live
from sealtrail.store.manifest import Manifest, Retired, Segment
from sealtrail.store.query import Node
from sealtrail.store.snapshot import Snapshot, furthest

_T = TypeVar("_T")
_log = logging.getLogger("sealtrail.store")


class Limits(msgspec.Struct, frozen=True):
    """When live rows become a segment, how large segments grow, how long old files stay."""

    segment_rows: int = 50_000
    segment_bytes: int = 64 * 1024 * 1024
    segment_seconds: float = 120.0
    target_rows: int = 1_000_000
    grace_seconds: float = 600.0  # longer than any query runs


class ColumnarStore:
    """A Store and a Follower. One thread at a time may feed it; any number may ask."""

    name: Final = "store"

    def __init__(self, folder: Path, state: Manifest, *, limits: Limits, writable: bool) -> None:
        """Use `open` or `open_reader`."""
        self._folder = folder
        self._limits = limits
        self._writable = writable
        self._engine = Engine(folder)
        self._changing = threading.RLock()  # held for every swap of the snapshot
        self._asking = threading.Lock()  # held for a moment, so that no query waits for a disk
        self._asked: list[Manifest] = []  # what running queries see: their files stay
        self._merging = threading.Lock()  # held while segments are rewritten, which does not block `handle`
        self._snapshot = Snapshot(state, Live(), dict(state.position))
        self._serial = state.serial
        self._live_since: float | None = None
        self.trouble = ""
        """The last refusal of the disk, empty once a segment could be written again."""

    @classmethod
    def open(cls, folder: Path, *, limits: Limits | None = None) -> Self:
        """The one writer of a folder, which is made if need be. An unusable index is begun anew."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        folder.chmod(0o700)
        try:
            state = manifest.load(folder)
            manifest.check_files(folder, state)
        except UsageError as error:
            _log.warning("The index is made again from the ledger: %s", error.what)
            state = Manifest()
            manifest.save(folder, state)
        _remove_orphans(folder, state)
        return cls(folder, state, limits=limits or Limits(), writable=True)

    @classmethod
    def open_reader(cls, folder: Path) -> Self:
        """A view of what another process writes; writes nothing itself.

        Feed it the ledger from `position()` on by `handle` to see what no segment holds yet.
        """
        folder = folder.resolve()
        return cls(folder, manifest.load(folder), limits=Limits(), writable=False)

    def close(self) -> None:
        """Write nothing more; live rows are found again in the ledger."""
        self._engine.close()

    def interrupt(self) -> None:
        """Give up the questions that are being answered now. Segments are written all the same."""
        self._engine.interrupt()

    # --- follower

    def position(self) -> Position:
        return dict(self._snapshot.position)

    def handle(self, batch: Batch) -> None:
        """Take a batch; entries that were taken before are passed over. Raises BusyError for a full disk."""
        with self._changing:
            if self._writable and self._is_full(factor=2):
                try:
                    self._close_segment()
                except OSError as error:
                    raise BusyError(
                        "busy.disk", f"the index cannot write a segment: {error.strerror}"
                    ) from error
            manifest_, live, position = self._snapshot
            first = furthest(position, manifest_.forgotten)
            fresh = [entry for entry in batch.entries if entry.index >= first.get(entry.trail, 0)]
            if fresh:
                live = live.add(table(fresh))
            self._snapshot = Snapshot(manifest_, live, furthest(position, dict(batch.end)))
            if self._writable and self._is_full():
                self._try_to_close_segment()

    # --- store

    def search(
        self,
        query: Node,
        *,
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
        newest_first: bool = True,
        after: Place | None = None,
    ) -> list[Hit]:
        return self._answer(
            since, until, lambda view: view.search(query, limit, newest_first=newest_first, after=after)
        )

    def count(self, query: Node, *, since: int | None = None, until: int | None = None) -> int:
        return self._answer(since, until, lambda view: view.count(query))

    def count_by(
        self,
        query: Node,
        field: str,
        *,
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
    ) -> list[tuple[Any, int]]:
        return self._answer(since, until, lambda view: view.count_by(query, field, limit))

    def histogram(
        self, query: Node, every: int, *, since: int | None = None, until: int | None = None
    ) -> list[tuple[int, int]]:
        return self._answer(since, until, lambda view: view.histogram(query, every))

    def forget(self, trail: str, before_index: int) -> None:
        """At once for every query; from disk with the next `maintain`."""
        with self._changing:
            state, live, position = self._snapshot
            if before_index <= state.forgotten.get(trail, 0):
                return
            forgotten = {**state.forgotten, trail: before_index}
            gone = [s for s in state.segments if not _counts(s, forgotten)]
            self._save(
                _without(state, gone, forgotten=forgotten),
                live.from_position({trail: before_index}),
                position,
            )

    def clear(self) -> None:
        """Forget everything, to be fed again from the first entry."""
        with self._merging, self._changing:
            state = self._snapshot.manifest
            self._save(_without(state, state.segments, position={}, forgotten={}), Live(), {})
            self._live_since = None

    @contextmanager
    def lend(self, *, since: int | None = None, until: int | None = None) -> Iterator[Loan]:
        """Open files with what is there of a period, for a process that may open none. Raises UsageError."""
        with ExitStack() as held:
            try:
                loan = held.enter_context(lent(self._folder, self._snapshot, since, until))
            except UsageError:
                # As in `_answer`: merged away since we read the manifest.
                if self._writable or not self.refresh():
                    raise
                loan = held.enter_context(lent(self._folder, self._snapshot, since, until))
            yield loan

    # --- upkeep

    def maintain(self, now: float) -> bool:
        """Housekeeping; `now` in seconds since 1970. True where more is to be done at once.

        Call it every second or so, from any thread. A disk that refuses is told by `trouble`, not raised:
        nothing is lost by trying again later.
        """
        if not self._writable:
            return False
        try:
            self._close_by_age(now)
            merged = self._merge_once()
            self._delete_retired(now)
        except OSError as error:
            self._refused(error)
            return False
        return merged

    def refresh(self) -> bool:
        """For a reader: take the writer's newest manifest; true where it is another.

        Go on feeding from `position()`.
        """
        with self._changing:
            old, live, position = self._snapshot
            state = manifest.load(self._folder)
            if any(state.position.get(trail, 0) < index for trail, index in old.position.items()):
                live, position = Live(), {}  # it was cleared: what we hold may not join what is there
            first = furthest(state.position, state.forgotten)
            self._snapshot = Snapshot(state, live.from_position(first), furthest(position, state.position))
            return state != old

    def flush(self) -> None:
        """Make a segment of the live rows now. Raises OSError."""
        with self._changing:
            self._close_segment()

    def _answer(self, since: int | None, until: int | None, ask: Callable[[Answers], _T]) -> _T:
        try:
            return self._answer_once(since, until, ask)
        except UsageError as error:
            # Another process may have merged files away since we read the manifest: look again, once.
            if self._writable or error.code != "usage.format" or not self.refresh():
                raise
            return self._answer_once(since, until, ask)

    def _answer_once(self, since: int | None, until: int | None, ask: Callable[[Answers], _T]) -> _T:
        with self._asking:
            snapshot = self._snapshot
            self._asked.append(snapshot.manifest)
        try:
            return ask(Answers(self._engine, snapshot, since, until))
        finally:
            with self._asking:
                del self._asked[next(i for i, state in enumerate(self._asked) if state is snapshot.manifest)]

    def _is_full(self, factor: int = 1) -> bool:
        live, limits = self._snapshot.live, self._limits
        return live.rows >= factor * limits.segment_rows or live.bytes >= factor * limits.segment_bytes

    def _close_by_age(self, now: float) -> None:
        with self._changing:
            if not self._snapshot.live.rows:
                self._live_since = None
            elif self._live_since is None:
                self._live_since = now
            elif now - self._live_since >= self._limits.segment_seconds:
                self._try_to_close_segment()

    def _try_to_close_segment(self) -> None:
        """A disk that refuses must not lose or repeat a batch: the rows stay live, and `trouble` says so."""
        try:
            self._close_segment()
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        self.trouble = f"the index cannot write a segment: {error.strerror}"
        _log.warning("%s", self.trouble)

    def _close_segment(self) -> None:
        state, live, position = self._snapshot
        if live.rows:
            rows = segments.in_order(live.table())
            new = segments.write(
                self._folder, self._next_name(), segments.groups(rows), segments.ids_of(rows)
            )
            added = (new,) if new else ()
            # One rename moves the rows from live to segment and the position past them: never half of it.
            kept = msgspec.structs.replace(state, position=position, segments=(*state.segments, *added))
            self._save(kept, Live(), position)
        self._live_since = None
        self.trouble = ""

    def _merge_once(self) -> bool:
        """Merge some segments, or take forgotten rows out of one. True where it did."""
        with self._merging:
            state = self._snapshot.manifest
            chosen = (
                compaction.plan(state.segments, self._limits.target_rows)
                or [segment for segment in state.segments if _holds_forgotten(segment, state.forgotten)][:1]
            )
            if not chosen:
                return False
            with self._changing:
                name = self._next_name()
            new = compaction.merge(self._engine, self._folder, chosen, state.forgotten, name)
            with self._changing:
                current, live, position = self._snapshot
                if not {s.file for s in chosen} <= {s.file for s in current.segments}:
                    # `forget` dropped one meanwhile; what we made holds rows that no longer count.
                    (self._folder / name).unlink(missing_ok=True)
                    return True
                merged = _without(current, chosen)
                if new is not None:
                    merged = msgspec.structs.replace(merged, segments=(*merged.segments, new))
                self._save(merged, live, position)
        return True

    def _delete_retired(self, now: float) -> None:
        with self._changing:
            state, live, position = self._snapshot
            if not state.retired:
                return
            # `at` is 0 until the first look: only the caller has a clock.
            timed = [Retired(r.file, r.at or now) for r in state.retired]
            # A query that begins now cannot see these files any more; one that runs may.
            with self._asking:
                used = {segment.file for asked in self._asked for segment in asked.segments}
            due = [r for r in timed if now - r.at >= self._limits.grace_seconds and r.file not in used]
            for one in due:
                (self._folder / one.file).unlink(missing_ok=True)
            kept = tuple(r for r in timed if r not in due)
            if kept != state.retired:
                self._save(msgspec.structs.replace(state, retired=kept), live, position)

    def _next_name(self) -> str:
        self._serial += 1
        return f"{self._serial:08d}.parquet"

    def _save(self, state: Manifest, live: Live, position: Position) -> None:
        """Durable first, visible after: no query sees a manifest that a crash could take back."""
        state = msgspec.structs.replace(state, serial=self._serial)
        manifest.save(self._folder, state)
        self._snapshot = Snapshot(state, live, position)


def _without(state: Manifest, gone: Sequence[Segment], **changes: Position) -> Manifest:
    files = {segment.file for segment in gone}
    return msgspec.structs.replace(
        state,
        segments=tuple(s for s in state.segments if s.file not in files),
        retired=(*state.retired, *(Retired(file, 0.0) for file in sorted(files))),
        **changes,
    )


def _counts(segment: Segment, forgotten: Position) -> bool:
    """True where a segment has an entry that is not forgotten."""
    return any(extent.end > forgotten.get(trail, 0) for trail, extent in segment.trails.items())


def _holds_forgotten(segment: Segment, forgotten: Position) -> bool:
    return any(extent.first < forgotten.get(trail, 0) for trail, extent in segment.trails.items())


def _remove_orphans(folder: Path, state: Manifest) -> None:
    """Files that a crash left before any manifest named them."""
    named = {segment.file for segment in state.segments} | {retired.file for retired in state.retired}
    for path in folder.iterdir():
        if path.name.endswith((".parquet", ".new")) and path.name not in named:
            path.unlink(missing_ok=True)
