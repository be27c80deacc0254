"""Reading a data folder, also while a server has it open.

The index says which entries match; the ledger says what they are. Rows that are in no segment yet are read
from the ledger's tail into memory, so an answer is complete up to the last commit.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

from sealtrail.errors import NotFoundError, QueryError
from sealtrail.event import Batch, Entry, Position
from sealtrail.follow import next_batch, open_entry
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.serve.rows import Row
from sealtrail.store.base import Place
from sealtrail.store.columnar import ColumnarStore
from sealtrail.store.lending import Loan
from sealtrail.store.query import Node, parse, predicate
from sealtrail.store.query.times import duration, instant, micros

MAX_PAGE_BYTES: Final = 32 * 1024 * 1024  # of the entries of one answer: held in memory twice
MAX_CURSOR: Final = 200  # characters; ours have less than 100
MAX_BARS: Final = 80  # of a histogram that chooses its periods: what a screen shows side by side
STEPS: Final = (
    "1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h", "3h", "12h", "1d", "7d", "30d", "365d",
)  # fmt: skip

_CURSOR: Final = re.compile(r"(-?\d{1,19})\.(-?\d{1,19})\.([a-z][a-z0-9-]{0,31})\.(\d{1,16})", re.ASCII)

__all__ = ["Reading", "Row", "matching"]


class Reading:
    """Questions to a data folder. Times are texts as people write them; empty means open."""

    def __init__(self, ledger: LedgerReader, store: ColumnarStore) -> None:
        self.ledger = ledger
        self._store = store

    @property
    def store(self) -> ColumnarStore:
        """The index itself, for questions in its own terms."""
        return self._store

    @classmethod
    def open(cls, folder: Folder) -> Self:
        """Open for reading alone: nothing is written, no lock is taken."""
        folder.check()
        ledger = LedgerReader(folder.root)
        store = ColumnarStore.open_reader(folder.store)
        reading = cls(ledger, store)
        reading.catch_up()
        return reading

    def catch_up(self) -> Position:
        """Take the entries that came since into the index's memory. Gives the position after them."""
        heads = self.ledger.sizes()
        while (batch := next_batch(self.ledger, self._store.position(), heads)).entries:
            self._store.handle(batch)
        return self._store.position()

    def search(self, query: str, since: str = "", until: str = "", limit: int = 100) -> list[Row]:
        """The newest entries that match, newest first. Raises QueryError."""
        node, start, end = _asked(query, since, until)
        hits = self._store.search(node, since=start, until=end, limit=limit)
        return [row for hit in hits if (row := self._row(hit.trail, hit.index)) is not None]

    def page(
        self, query: str, since: str = "", until: str = "", limit: int = 100, cursor: str = ""
    ) -> tuple[list[Row], str]:
        """As `search`, and a cursor that goes on after them; empty where there are no more.

        The cursor keeps the present of the first page: `2h` ago stays where it was, and what came since does
        not push rows from one page into the next. An answer ends early where it grows too large.
        """
        now, after = _from_cursor(cursor) if cursor else (_now(), None)
        node, start, end = _asked(query, since, until, now)
        hits = self._store.search(node, since=start, until=end, limit=limit, after=after)
        rows, size = [], 0
        more = len(hits) == limit
        for hit in hits:
            row = self._row(hit.trail, hit.index)
            if row is not None:
                rows.append(row)
                size += len(row.data)
            after = hit.place
            if size > MAX_PAGE_BYTES:
                more = more or hit is not hits[-1]
                break
        return rows, _to_cursor(now, after) if more and after is not None else ""

    def count(self, query: str, since: str = "", until: str = "") -> int:
        """How many entries match. Raises QueryError."""
        node, start, end = _asked(query, since, until)
        return self._store.count(node, since=start, until=end)

    def count_by(
        self, query: str, field: str, since: str = "", until: str = "", limit: int = 100
    ) -> list[tuple[Any, int]]:
        """(value, entries), most frequent first. Raises QueryError."""
        node, start, end = _asked(query, since, until)
        return self._store.count_by(node, field, since=start, until=end, limit=limit)

    def histogram(self, query: str, every: str, since: str = "", until: str = "") -> list[tuple[int, int]]:
        """(start in microseconds of the epoch, entries) of each period that has any. Raises QueryError."""
        node, start, end = _asked(query, since, until)
        return self._store.histogram(node, duration(every), since=start, until=end)

    def step(self, query: str, since: str = "", until: str = "") -> str:
        """A length of period that makes some dozens of bars of what matches."""
        node, start, end = _asked(query, since, until)
        edges = [
            hit.time_us
            for newest_first in (False, True)
            for hit in self._store.search(node, since=start, until=end, limit=1, newest_first=newest_first)
        ]
        # Where a period is asked for, its length counts, not what was found in it.
        first = start if start is not None else min(edges, default=0)
        last = end if end is not None else _now() if start is not None else max(edges, default=0)
        return next((text for text in STEPS if (last - first) / duration(text) <= MAX_BARS), STEPS[-1])

    def after(self, position: Position, query: str) -> tuple[list[Row], Position]:
        """Entries that match and were sealed after `position`, in commit order, and where to go on from."""
        rows: list[Row] = []
        end = position
        for some, end in self.news(position, query):  # noqa: B007 - the last one is where to go on from
            rows += some
        return rows, end

    def news(self, position: Position, query: str) -> Iterator[tuple[list[Row], Position]]:
        """As `after`, batch by batch: all of them may be more than memory holds. Raises QueryError."""
        matches = matching(query)
        heads = self.ledger.sizes()
        while (batch := self._next(position, heads)).entries:
            position = dict(batch.end)
            yield [Row.of(entry) for entry in batch.entries if matches(entry)], position

    def latest(self, query: str, limit: int) -> tuple[list[Row], Position]:
        """The newest entries that match, newest first, and a position: what is before it was looked at.

        Whoever goes on with `news` from there misses nothing and meets nothing twice. Raises QueryError.
        """
        position = self.catch_up()
        rows = self.search(query, limit=limit) if limit else []
        # Looking may take the writer's newer segments, which reach beyond where we had been.
        return [row for row in rows if row.index < position.get(row.trail, 0)], position

    def _next(self, position: Position, heads: Position) -> Batch:
        try:
            return next_batch(self.ledger, position, heads)
        except NotFoundError:
            # Pruned between the two looks that a batch takes; by now its first entry is known to be another.
            return next_batch(self.ledger, position, heads)

    def entry(self, trail: str, index: int) -> Row:
        """One entry by its address. Raises NotFoundError."""
        data = self.ledger.entry(trail, index)
        return Row.of(open_entry(trail, index, data))

    def every(self, query: str, since: str = "", until: str = "") -> Iterator[Row]:
        """All entries that match, oldest first, in pages. Raises QueryError."""
        node, start, end = _asked(query, since, until)
        after = None
        while hits := self._store.search(
            node, since=start, until=end, limit=1000, newest_first=False, after=after
        ):
            for hit in hits:
                row = self._row(hit.trail, hit.index)
                if row is not None:
                    yield row
            after = hits[-1].place

    @contextmanager
    def lend(self, since: str = "", until: str = "") -> Iterator[tuple[Loan, int | None, int | None]]:
        """(open files of the index, the period in microseconds), for `selecting`. Raises QueryError."""
        now = _now()
        start = instant(since, now) if since else None
        end = instant(until, now) if until else None
        with self._store.lend(since=start, until=end) as loan:
            yield loan, start, end

    def _row(self, trail: str, index: int) -> Row | None:
        try:
            return self.entry(trail, index)
        except NotFoundError:
            return None  # pruned since the index answered


def matching(query: str) -> Callable[[Entry], bool]:
    """Whether an entry matches. Raises QueryError."""
    matches = predicate(parse(query, _now()))
    return lambda entry: matches(entry.fields, entry.trail, entry.index)


def _asked(query: str, since: str, until: str, now: int | None = None) -> tuple[Node, int | None, int | None]:
    now = _now() if now is None else now
    start = instant(since, now) if since else None
    end = instant(until, now) if until else None
    return parse(query, now), start, end


def _to_cursor(now: int, after: Place) -> str:
    """The present of the first page, and where the last one ended."""
    text = f"{now}.{after.time_us}.{after.trail}.{after.index}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[int, Place]:
    """The inverse. Raises QueryError."""
    try:
        text = urlsafe_b64decode(cursor[:MAX_CURSOR] + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise QueryError(
            "query.parameter", "this is not a cursor of an earlier answer", hint="Begin without one."
        )
    return int(match[1]), Place(int(match[2]), match[3], int(match[4]))


def _now() -> int:
    return micros(datetime.now(UTC))
