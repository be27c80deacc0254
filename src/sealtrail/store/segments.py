"""Segments: Parquet files of entries, written once, sorted by time, never changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sealtrail.store.columns import INDEX, SCHEMA, TIME, TRAIL, TYPED, nothing, present
from sealtrail.store.manifest import Extent, Segment, sync_folder
from sealtrail.store.query.sql import REST, REST_TEXT

ROW_GROUP: Final = 32_768
"""Rows that are read or skipped together: small enough to open for one hit, large enough to compress."""

# A value that is looked up by itself: a Bloom filter says "not in here" without reading the column.
IDS: Final = (
    "event.id",
    "user.id",
    "user.hash",
    "sealtrail.session.hash",
    "sealtrail.auth.token_hash",
    "http.request.id",
    "trace.id",
    "span.id",
    "sealtrail.object.id",
    "sealtrail.target.id",
    "sealtrail.emitter",
)
# Nearly every row has its own value: a dictionary would be built and thrown away.
_UNIQUE: Final = frozenset({"event.id", "http.request.id", "trace.id", "span.id", REST, REST_TEXT})
_TIMES: Final = tuple(name for name, type_ in TYPED.items() if type_ == "time")
_RISING: Final = (TIME, INDEX, "sealtrail.seq", *_TIMES)
_ORDER: Final = [(TIME, "ascending"), (TRAIL, "ascending"), (INDEX, "ascending")]


def in_order(rows: pa.Table) -> pa.Table:
    """The same rows by time, trail and index."""
    order = pc.sort_indices(rows, sort_keys=_ORDER)  # type: ignore[arg-type]
    there = present(rows)
    return pa.Table.from_arrays(
        [
            rows[field.name].take(order) if field.name in there else nothing(field.type, len(rows))
            for field in rows.schema
        ],
        schema=rows.schema,
    )


def write(folder: Path, name: str, parts: Iterable[pa.Table], ids: Mapping[str, int]) -> Segment | None:
    """Write sorted `parts`, one row group each, as a segment that is durable when this returns.

    `ids` are the columns to put Bloom filters on and how many values a row group has of each. None where
    there are no rows. Raises OSError, and leaves no file of that name behind.
    """
    beside = folder / f"{name}.new"
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    summary = Summary()
    try:
        with os.fdopen(descriptor, "wb") as file:
            with pq.ParquetWriter(file, SCHEMA, **_options(ids)) as writer:
                for part in parts:
                    if len(part):
                        summary.add(part)
                        writer.write_table(part, row_group_size=ROW_GROUP)
            file.flush()
            os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        if not summary.rows:
            beside.unlink()
            return None
        # After a crash here the file is an orphan; no manifest names it, so the next opening removes it.
        beside.replace(folder / name)
        sync_folder(folder)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return summary.segment(name, size)


def groups(rows: pa.Table) -> Iterator[pa.Table]:
    """A table cut into row groups."""
    for start in range(0, len(rows), ROW_GROUP):
        yield rows.slice(start, ROW_GROUP)


def ids_of(sample: pa.Table) -> dict[str, int]:
    """The columns to put Bloom filters on, and the values to expect, judged by the first row group."""
    first = sample.slice(0, ROW_GROUP)
    counts = {name: int(pc.count_distinct(first[name], mode="only_valid").as_py()) for name in IDS}
    return {name: count for name, count in counts.items() if count}


class Summary:
    """What the manifest says of a segment, gathered while it is written."""

    def __init__(self) -> None:
        self.rows = 0
        self.oldest: int | None = None
        self.newest = 0
        self.trails: dict[str, Extent] = {}
        self.columns: set[str] = set()

    def add(self, part: pa.Table) -> None:
        self.rows += len(part)
        if self.oldest is None:
            self.oldest = part[TIME][0].as_py()
        self.newest = part[TIME][-1].as_py()
        self.columns |= present(part)
        for trail, first, last, rows in extents(part):
            known = self.trails.get(trail)
            self.trails[trail] = Extent(
                min(first, known.first) if known else first,
                max(last + 1, known.end) if known else last + 1,
                rows + (known.rows if known else 0),
            )

    def segment(self, name: str, size: int) -> Segment:
        return Segment(
            name, self.rows, size, self.oldest or 0, self.newest, self.trails, tuple(sorted(self.columns))
        )


def extents(rows: pa.Table) -> list[tuple[str, int, int, int]]:
    """(trail, first index, last index, rows) of each trail in a table."""
    grouped = (
        rows.select([TRAIL, INDEX])
        .group_by(TRAIL)
        .aggregate([(INDEX, "min"), (INDEX, "max"), (INDEX, "count")])
    )
    return [
        (row[TRAIL], row[f"{INDEX}_min"], row[f"{INDEX}_max"], row[f"{INDEX}_count"])
        for row in grouped.to_pylist()
    ]


def _options(ids: Mapping[str, int]) -> dict[str, Any]:
    plain = _UNIQUE | set(_RISING)
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [_leaf(field) for field in SCHEMA if field.name not in plain],
        "column_encoding": dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"),
        "bloom_filter_options": {name: {"ndv": count, "fpp": 0.01} for name, count in ids.items()} or None,
        "store_schema": False,
    }


def _leaf(field: pa.Field[Any]) -> str:
    """A column's path inside Parquet."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
