"""Who follows the stream: a follower of the ledger that hands each new event to every tail it matches.

Live events come from the hub, already parsed. A tail that goes on from an earlier place is first given what
came since from the ledger. Both may give the same event at the seam, so each place is told once.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from sealtrail.errors import BusyError, QueryError
from sealtrail.event import Batch, Entry, Fields, Position
from sealtrail.serve.reading import Reading, Row, matching

MAX_TAILS: Final = 100  # open at a time: each looks at every event
MAX_WAITING: Final = 1_000  # events that wait for one slow reader; what comes beyond is counted
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024  # of the same: events may be large
MAX_BEHIND: Final = 10_000  # entries that a tail which goes on is read again; beyond it they are counted

_PLACE: Final = re.compile(
    r"[a-z][a-z0-9-]{0,31}:\d{1,15}(?:\.[a-z][a-z0-9-]{0,31}:\d{1,15}){0,63}", re.ASCII
)


class Tail:
    """A `web.protocols.Following`: what one reader has still to be told."""

    def __init__(
        self, matches: Callable[[Entry], bool], wake: Callable[[], None], closed: Callable[[Tail], None]
    ) -> None:
        self.matches = matches
        self._wake = wake
        self._closed = closed
        self._lock = threading.Lock()
        self._waiting: deque[Row] = deque()
        self._bytes = 0
        self._dropped = 0
        self._at: Position = {}  # no event that matches before it is untold
        self._begun: frozenset[tuple[str, int]] = frozenset()  # told at the beginning: they may come live too

    def begin(self, at: Position, rows: list[Row], skipped: int) -> None:
        """Put what came before in front of what came live meanwhile, each place once."""
        with self._lock:
            self._begun = frozenset((row.trail, row.index) for row in rows)
            live = [row for row in self._waiting if (row.trail, row.index) not in self._begun]
            self._waiting = deque([*rows, *live])
            self._at = dict(at)
            self._dropped += skipped

    def offer(self, rows: list[Row], end: Position) -> None:
        """Events that match, and where the stream stands after them. Never waits."""
        with self._lock:
            for row in rows:
                if (row.trail, row.index) in self._begun:
                    continue
                if len(self._waiting) >= MAX_WAITING or self._bytes + len(row.data) > MAX_WAITING_BYTES:
                    self._dropped += 1
                else:
                    self._waiting.append(row)
                    self._bytes += len(row.data)
            if not self._waiting:
                self._reached(end)
        if rows:
            self._wake()

    def take(self) -> tuple[list[tuple[str, Fields, bytes]], int]:
        with self._lock:
            told = []
            for row in self._waiting:
                self._reached({row.trail: row.index + 1})
                told.append((_to_place(self._at), row.fields, row.data))
            dropped = self._dropped
            self._waiting.clear()
            self._bytes = self._dropped = 0
        return told, dropped

    @property
    def place(self) -> str:
        with self._lock:
            return _to_place(self._at)

    def _reached(self, position: Mapping[str, int]) -> None:
        for trail, index in position.items():
            self._at[trail] = max(self._at.get(trail, 0), index)

    def close(self) -> None:
        self._closed(self)


class Tails:
    """A Follower. `open` is a `web.protocols.Follow`; both may be called from any thread."""

    name: Final = "tail"

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lock = threading.Lock()
        self._open: list[Tail] = []

    def position(self) -> Position:
        """From now on: what was before is for search."""
        return dict(self._reading.ledger.sizes())

    def handle(self, batch: Batch) -> None:
        with self._lock:
            tails = list(self._open)
        if not tails:
            return
        for tail in tails:
            rows = [Row.of(entry) for entry in batch.entries if tail.matches(entry)]
            tail.offer(rows, dict(batch.end))

    def open(self, query: str, first: int, after: str, wake: Callable[[], None]) -> Tail:
        tail = Tail(matching(query), wake, self._close)
        at = _from_place(after) if after else {}
        with self._lock:
            if len(self._open) >= MAX_TAILS:
                raise BusyError(
                    "busy.readers", f"{MAX_TAILS} tails are open, and more are not served", retry_after=30
                )
            self._open.append(tail)
        try:
            # It is offered live events from here on; what is read now is put in front of them.
            heads = self._reading.ledger.sizes()
            if after:
                start = {trail: max(at.get(trail, 0), head - MAX_BEHIND) for trail, head in heads.items()}
                skipped = sum(index - at.get(trail, 0) for trail, index in start.items())
                rows, more = self._missed(start, query)
                tail.begin(start, rows, skipped + more)
            else:
                tail.begin(heads, self._reading.search(query, limit=first)[::-1] if first else [], 0)
        except BaseException:
            self._close(tail)
            raise
        return tail

    def _missed(self, start: Position, query: str) -> tuple[list[Row], int]:
        """What came since, as much of it as may wait for one reader, and how many more there are."""
        rows: list[Row] = []
        size = more = 0
        for some, _ in self._reading.news(start, query):
            for row in some:
                size += len(row.data)
                if more or len(rows) >= MAX_WAITING or size > MAX_WAITING_BYTES:
                    more += 1
                else:
                    rows.append(row)
        return rows, more

    def _close(self, tail: Tail) -> None:
        with self._lock:
            if tail in self._open:
                self._open.remove(tail)


def _to_place(at: Position) -> str:
    return ".".join(f"{trail}:{index}" for trail, index in sorted(at.items()))


def _from_place(place: str) -> Position:
    """The inverse. Raises QueryError."""
    if len(place) > 4000 or _PLACE.fullmatch(place) is None:
        raise QueryError("query.parameter", "Last-Event-ID is not one that a tail gave")
    return {trail: int(index) for trail, _, index in (part.partition(":") for part in place.split("."))}
