"""What every index can answer. An OpenSearch store joins by passing tests/contracts/test_store.py."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from sealtrail.event import Fields
from sealtrail.store.query import Node


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a listing stands: entries are ordered by time, then trail, then index."""

    time_us: int
    trail: str
    index: int


class Hit(msgspec.Struct, frozen=True):
    """One entry found. `time_us` is microseconds since 1970; `fields` are as they were sealed."""

    trail: str
    index: int
    time_us: int
    fields: Fields

    @property
    def address(self) -> str:
        return f"{self.trail}/{self.index}"

    @property
    def place(self) -> Place:
        return Place(self.time_us, self.trail, self.index)

    def row(self) -> Fields:
        """The fields and the entry's address, which no producer can set."""
        return {**self.fields, "sealtrail.trail": self.trail, "sealtrail.index": self.index}


class Store(Protocol):
    """An index of the ledger: answers queries, holds nothing that cannot be rebuilt.

    Times are microseconds since 1970; a period is [since, until), None is open. Queries hold absolute times
    only (`parse(text, now)`). Every method raises QueryError for a query that cannot be answered.
    """

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
        """Up to `limit` entries in order; `after` goes on from a hit's place, without it."""
        ...

    def count(self, query: Node, *, since: int | None = None, until: int | None = None) -> int:
        """How many entries match."""
        ...

    def count_by(
        self,
        query: Node,
        field: str,
        *,
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
    ) -> list[tuple[Any, int]]:
        """(value, entries) of a field, most frequent first, then by value; those without it do not count."""
        ...

    def histogram(
        self, query: Node, every: int, *, since: int | None = None, until: int | None = None
    ) -> list[tuple[int, int]]:
        """(start, entries) of every period of `every` microseconds that has any, oldest first."""
        ...

    def forget(self, trail: str, before_index: int) -> None:
        """Entries of a trail below an index are gone from the ledger: no longer find them."""
        ...
