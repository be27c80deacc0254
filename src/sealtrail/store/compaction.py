"""Many small segments become few large ones, sorted by time. A list of thousands costs every query dearly."""

# ruff: noqa: S608
# SQL is put together here from names of our own columns; values are bound.

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from sealtrail.event import Position
from sealtrail.store import segments
from sealtrail.store.columns import INDEX, SCHEMA, TIME, TRAIL
from sealtrail.store.engine import Engine
from sealtrail.store.manifest import Segment
from sealtrail.store.query.sql import quoted

FAN_IN: Final = 8
"""Segments of one size that are merged into one of the next: each row is rewritten log8(rows) times."""

_TIME, _TRAIL, _INDEX = map(quoted, (TIME, TRAIL, INDEX))
_KEY: Final = f"{_TIME}, {_TRAIL}, {_INDEX}"


def plan(known: Sequence[Segment], target_rows: int) -> list[Segment]:
    """The segments to merge next, smallest first; nothing where all is well."""
    sizes: dict[int, list[Segment]] = {}
    for segment in sorted(known, key=lambda s: (s.oldest, s.file)):
        if segment.rows < target_rows:
            sizes.setdefault(int(math.log(max(segment.rows, 1), FAN_IN)), []).append(segment)
    for _, alike in sorted(sizes.items()):
        chosen: list[Segment] = []
        for segment in alike:
            if sum(s.rows for s in chosen) + segment.rows <= target_rows or len(chosen) < 2:
                chosen.append(segment)
            if len(chosen) == FAN_IN:
                return chosen
        # The largest of these fill a target-sized file before there are eight of them.
        if len(alike) >= FAN_IN and len(chosen) > 1:
            return chosen
    return []


def merge(
    engine: Engine, folder: Path, chosen: Sequence[Segment], forgotten: Position, name: str
) -> Segment | None:
    """One segment with the rows of `chosen` that still count; None where none do. Raises OSError.

    Takes one row group at a time, so memory does not grow with what is merged.
    """
    with engine.cursor(question=False) as cursor:
        parts = _slices(cursor, folder, chosen, forgotten)
        first = next(parts, None)
        if first is None:
            return None
        return segments.write(folder, name, chain([first], parts), segments.ids_of(first))


def _slices(
    cursor: duckdb.DuckDBPyConnection, folder: Path, chosen: Sequence[Segment], forgotten: Position
) -> Iterator[pa.Table]:
    files = [str(folder / segment.file) for segment in chosen]
    counts, bound = "true", []
    for trail, floor in forgotten.items():
        counts += f" AND NOT ({quoted(TRAIL)} = ? AND {quoted(INDEX)} < ?)"
        bound += [trail, floor]
    cuts: list[Any] = cursor.execute(
        f"SELECT {_KEY} FROM (SELECT {_KEY}, row_number() OVER (ORDER BY {_KEY}) AS place "
        f"FROM read_parquet(?) WHERE {counts}) WHERE place % ? = 0 ORDER BY {_KEY}",
        [files, *bound, segments.ROW_GROUP],
    ).fetchall()
    for low, high in zip([None, *cuts], [*cuts, None], strict=True):
        condition, parameters = counts, list(bound)
        for edge, sign, last in ((low, ">", ">"), (high, "<", "<=")):
            if edge is not None:
                # The time alone lets whole row groups be passed over; then trail and index break the tie.
                # (DuckDB makes BETWEEN of two comparisons of rows, then refuses it: so it is written out.)
                condition += (
                    f" AND {_TIME} {sign}= ? AND ({_TIME} {sign} ? OR {_TRAIL} {sign} ? "
                    f"OR ({_TRAIL} = ? AND {_INDEX} {last} ?))"
                )
                parameters += [edge[0], edge[0], edge[1], edge[1], edge[2]]
        rows = cursor.sql(
            f"SELECT * FROM read_parquet(?) WHERE {condition} ORDER BY {_KEY}", params=[files, *parameters]
        ).to_arrow_table()
        if rows.num_rows:
            yield rows.cast(SCHEMA)
