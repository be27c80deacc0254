"""Reading a data folder, also while a server has it open.

The index says which entries match; the ledger says what they are. Rows that are in no segment yet are read
from the ledger's tail into memory, so an answer is complete up to the last commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from sealtrail.errors import NotFoundError
from sealtrail.event import Fields, Position
from sealtrail.follow import next_batch, open_entry
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.store.columnar import ColumnarStore
from sealtrail.store.query import Node, parse, predicate
from sealtrail.store.query.times import duration, instant, micros


class Row(msgspec.Struct, frozen=True):
    """One entry found: its address, its fields with the address among them, and its exact bytes."""

    trail: str
    index: int
    fields: Fields
    data: bytes

    @property
    def address(self) -> str:
        return f"{self.trail}/{self.index}"


class Reading:
    """Questions to a data folder. Times are texts as people write them; empty means open."""

    def __init__(self, ledger: LedgerReader, store: ColumnarStore) -> None:
        self.ledger = ledger
        self._store = store

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

    def after(self, position: Position, query: str) -> tuple[list[Row], Position]:
        """Entries that match and were sealed after `position`, in commit order, and where to go on from."""
        matches = predicate(parse(query, _now()))
        rows: list[Row] = []
        heads = self.ledger.sizes()
        while (batch := next_batch(self.ledger, position, heads)).entries:
            for entry in batch.entries:
                row = _shown(entry.trail, entry.index, entry.fields, entry.data)
                if matches(entry.fields, entry.trail, entry.index):
                    rows.append(row)
            position = dict(batch.end)
        return rows, position

    def entry(self, trail: str, index: int) -> Row:
        """One entry by its address. Raises NotFoundError."""
        data = self.ledger.entry(trail, index)
        found = open_entry(trail, index, data)
        return _shown(trail, index, found.fields, data)

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

    def _row(self, trail: str, index: int) -> Row | None:
        try:
            return self.entry(trail, index)
        except NotFoundError:
            return None  # pruned since the index answered


def _shown(trail: str, index: int, fields: Fields, data: bytes) -> Row:
    # The address last: no producer can set it.
    return Row(trail, index, {**fields, "sealtrail.trail": trail, "sealtrail.index": index}, data)


def _asked(query: str, since: str, until: str) -> tuple[Node, int | None, int | None]:
    now = _now()
    start = instant(since, now) if since else None
    end = instant(until, now) if until else None
    return parse(query, now), start, end


def _now() -> int:
    return micros(datetime.now(UTC))
