"""An index laid beside the ledger, part by part: which rows are not what the entries make of them.

What is compared is what queries are answered from: the columns of every row, derived ones included, and what
the manifest says of a segment, by which queries pass it over. The index is not trusted: its files may hold
anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sealtrail.errors import UsageError
from sealtrail.event import Entry, Position
from sealtrail.store import segments
from sealtrail.store.columns import INDEX, SCHEMA, TRAIL, table
from sealtrail.store.manifest import Manifest, Segment, load

Key = tuple[str, int]
"""Trail and index of a row."""

# A hostile file may say that its rows are endless: no writer of ours makes larger parts.
MAX_PART_ROWS: Final = segments.ROW_GROUP


class Part(Protocol):
    """Some rows of an index. `place` says where they lie."""

    @property
    def place(self) -> str: ...

    def held(self) -> Sequence[Key | None]:
        """Which entry each row says that it is of; None where that cannot be."""
        ...

    def differences(self, rows: Sequence[int], entries: Sequence[Entry]) -> Mapping[int, tuple[str, ...]]:
        """Of these rows, which are not what their entries make of them, and in which columns."""
        ...


class Comparable(Protocol):
    """An index that can be laid beside the ledger: the embedded store, or a mirror elsewhere."""

    def position(self) -> Position:
        """Up to where it says that it holds every entry, by trail."""
        ...

    def forgotten(self) -> Position:
        """Below where it answers nothing any more, by trail."""
        ...

    def parts(self) -> Iterator[Part]:
        """All of its rows, in any order."""
        ...

    def troubles(self) -> Sequence[str]:
        """What is wrong besides its rows; known once all parts were drawn."""
        ...


class Segments:
    """The segments of the embedded store, as its manifest names them. Also while a server adds to them."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError (usage.format) for a manifest that cannot be read."""
        self._folder = folder
        self._manifest: Manifest = load(folder)
        self._troubles: list[str] = []

    def position(self) -> Position:
        return dict(self._manifest.position)

    def forgotten(self) -> Position:
        return dict(self._manifest.forgotten)

    def troubles(self) -> Sequence[str]:
        return self._troubles

    def parts(self) -> Iterator[Part]:
        names: set[str] = set()
        for segment in self._manifest.segments:
            if segment.file in names:
                self._troubles.append(f"{segment.file} is named twice by the manifest")
            names.add(segment.file)
            try:
                yield from self._of(segment)
            except (OSError, UsageError, pa.ArrowException) as error:
                what = error.what if isinstance(error, UsageError) else str(error).partition("\n")[0][:200]
                self._troubles.append(f"{segment.file} cannot be read: {what}")

    def _of(self, segment: Segment) -> Iterator[Part]:
        summary = segments.Summary()
        with _opened(self._folder / segment.file) as file:
            size = os.fstat(file.fileno()).st_size
            with pq.ParquetFile(file) as rows:
                if not set(rows.schema_arrow.names) <= set(SCHEMA.names):
                    self._troubles.append(f"{segment.file} has columns that no event has")
                for number in range(rows.num_row_groups):
                    if rows.metadata.row_group(number).num_rows > MAX_PART_ROWS:
                        raise UsageError("usage.format", f"its part {number} is larger than any we write")
                    part = _conformed(rows.read_row_group(number))
                    hidden = _hidden(rows.metadata.row_group(number), part)
                    if hidden:
                        self._troubles.append(
                            f"part {number} of {segment.file} states other bounds of {', '.join(hidden)} "
                            "than its rows have: queries pass it over"
                        )
                    if len(part):
                        summary.add(part)
                        yield SegmentPart(f"{segment.file}, part {number}", part)
        said = segment, summary.segment(segment.file, size)
        wrong = [
            name for name in Segment.__struct_fields__ if getattr(said[0], name) != getattr(said[1], name)
        ]
        if wrong:
            self._troubles.append(f"of {segment.file} the manifest says another {', '.join(wrong)}")


class SegmentPart:
    """A row group of a segment."""

    def __init__(self, place: str, rows: pa.Table) -> None:
        self.place = place
        self._rows = rows

    def held(self) -> Sequence[Key | None]:
        trails, indexes = self._rows[TRAIL].to_pylist(), self._rows[INDEX].to_pylist()
        return [
            None if trail is None or index is None else (trail, index)
            for trail, index in zip(trails, indexes, strict=True)
        ]

    def differences(self, rows: Sequence[int], entries: Sequence[Entry]) -> Mapping[int, tuple[str, ...]]:
        wanted, found = table(entries), self._rows.take(pa.array(rows, pa.int64()))
        wrong: dict[int, tuple[str, ...]] = {}
        for name in SCHEMA.names:
            if wanted[name].equals(found[name]):
                continue
            pairs = zip(rows, wanted[name].to_pylist(), found[name].to_pylist(), strict=True)
            for row, want, have in pairs:
                if want != have:
                    wrong[row] = (*wrong.get(row, ()), name)
        return wrong


def _hidden(group: Any, part: pa.Table) -> list[str]:
    """Columns whose stated bounds leave out a value: by these a query skips the rows without reading them."""
    wrong = []
    for at in range(group.num_columns):
        column = group.column(at)
        stated, name = column.statistics, column.path_in_schema
        if stated is None or name not in SCHEMA.names:
            continue
        nulls = part[name].null_count
        if stated.has_null_count and stated.null_count != nulls:
            wrong.append(name)
        elif stated.has_min_max and nulls < len(part):
            bounds: Any = pc.min_max(part[name]).as_py()
            low, high, least, most = map(_binary, (stated.min, stated.max, bounds["min"], bounds["max"]))
            if not (low <= least and most <= high):
                wrong.append(name)
    return wrong


def _binary(value: Any) -> Any:
    """As Parquet compares it: texts by their bytes."""
    return value.encode() if isinstance(value, str) else value


def _conformed(rows: pa.Table) -> pa.Table:
    """A row group with the columns of an event, those that are not there empty. Raises ArrowException."""
    there = set(rows.column_names)
    return pa.table(
        [
            rows[name].cast(field.type) if name in there else pa.nulls(len(rows), field.type)
            for name, field in zip(SCHEMA.names, SCHEMA, strict=True)
        ],
        schema=pa.schema([field.with_nullable(True) for field in SCHEMA]),
    )


def _opened(path: Path) -> BinaryIO:
    """A file, and not what a link or a pipe leads to. Raises OSError, UsageError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError("usage.format", "it is no file")
    return os.fdopen(descriptor, "rb")
