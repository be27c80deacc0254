"""Live rows: entries that no segment holds yet, as Arrow tables in memory. Values, never changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from sealtrail.store.columns import INDEX, SCHEMA, TRAIL, nothing, present

ENOUGH: Final = 4096
"""Rows of a table that is left as it is: two of DuckDB's vectors."""


class Live(NamedTuple):
    """A few tables. Small commits are merged as they come, each row about log2(ENOUGH) times at most."""

    tables: tuple[pa.Table, ...] = ()
    rows: int = 0
    bytes: int = 0
    columns: frozenset[str] = frozenset()

    def add(self, table: pa.Table) -> Live:
        """These rows and those of `table`."""
        tables = [*self.tables, table]
        # DuckDB pays for every chunk of every column, so there must not be one for each commit.
        while len(tables) > 1 and len(tables[-1]) < ENOUGH and len(tables[-2]) < 2 * len(tables[-1]):
            last = tables.pop()
            tables[-1] = _joined(tables[-1], last)
        return Live(
            tuple(tables), self.rows + len(table), self.bytes + table.nbytes, self.columns | present(table)
        )

    def table(self) -> pa.Table:
        """All rows in one table, without a copy."""
        return pa.concat_tables(self.tables) if self.tables else SCHEMA.empty_table()

    def from_position(self, first: Mapping[str, int]) -> Live:
        """The rows at or after an index in each trail."""
        kept = Live()
        for table in self.tables:
            wanted = after(table, first)
            if wanted.num_rows:
                kept = kept.add(wanted)
        return kept


def _joined(one: pa.Table, other: pa.Table) -> pa.Table:
    """The rows of both, each column in one piece."""
    rows = len(one) + len(other)
    columns: list[Any] = []
    for first, second in zip(one.columns, other.columns, strict=True):
        if first.null_count + second.null_count == rows:
            columns.append(nothing(first.type, rows))
        else:
            columns.append(pa.concat_arrays([*first.chunks, *second.chunks]))
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def after(table: pa.Table, first: Mapping[str, int]) -> pa.Table:
    """The rows of `table` at or after an index in each trail; trails that are not named are kept whole."""
    for trail, index in first.items():
        gone = pc.and_(pc.equal(table[TRAIL], pa.scalar(trail)), pc.less(table[INDEX], pa.scalar(index)))
        if pc.any(gone).as_py():
            table = table.filter(pc.invert(gone))
    return table
