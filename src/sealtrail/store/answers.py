"""Queries answered from a snapshot by DuckDB. Values are bound; names come from our own tables.

Listing newest first must not sort the world. Segments are taken from the newest down until those left
can hold nothing that belongs in the list, and full rows are fetched only for what is listed.
"""

# ruff: noqa: S608
# SQL is put together here from names of our own tables; whatever a user or an event said is bound.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sealtrail.errors import QueryError, UsageError
from sealtrail.store.base import Hit, Place
from sealtrail.store.columns import INDEX, SCHEMA, TIME, TRAIL, fields_of
from sealtrail.store.engine import Engine
from sealtrail.store.manifest import Segment
from sealtrail.store.query import All, Node, where
from sealtrail.store.query.meaning import TYPES
from sealtrail.store.query.sql import REST_TEXT, elements, quoted
from sealtrail.store.query.times import stamp
from sealtrail.store.snapshot import Snapshot

MAX_HITS: Final = 10_000  # of one search: rows are held in memory
MAX_VALUES: Final = 10_000  # of one count by field
MAX_PERIODS: Final = 10_000  # of one count by time

_FIRST_ROWS: Final = 100_000  # looked through before older segments are
_MORE: Final = 8

_SCALARS: Final = "('VARCHAR', 'BOOLEAN', 'UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE')"
_ROW: Final = tuple(name for name in SCHEMA.names if not name.endswith(":key") and name != REST_TEXT)
_ORDER: Final = (quoted(TIME), quoted(TRAIL), quoted(INDEX))

Parameters = list[Any]


class Answers:
    """One query's view: an engine, a snapshot, a period."""

    def __init__(self, engine: Engine, snapshot: Snapshot, since: int | None, until: int | None) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._since = since
        self._until = until

    def count(self, query: Node) -> int:
        snapshot = self._snapshot
        if isinstance(query, All) and self._since is None and self._until is None and not snapshot.floors():
            return snapshot.manifest.rows + snapshot.live.rows
        rows = self._ask("SELECT count(*)", [], query)
        return int(rows[0][0]) if rows else 0

    def count_by(self, query: Node, field: str, limit: int) -> list[tuple[Any, int]]:
        if not 0 <= limit <= MAX_VALUES:
            raise _too_many("values", limit, MAX_VALUES)
        type_ = TYPES.get(field)
        parameters: Parameters = []
        if type_ is None:
            items = elements(field, parameters)
            value = f"unnest(list_distinct(list_filter({items}, lambda e: json_type(e) IN {_SCALARS})))"
        else:
            value = f"unnest(list_distinct({quoted(field)}))" if type_ == "keywords" else quoted(field)
        rows = self._ask(
            f"SELECT value, count(*) AS entries FROM (SELECT {value} AS value",
            parameters,
            query,
            ") WHERE value IS NOT NULL GROUP BY value ORDER BY entries DESC, value LIMIT ?",
            [limit],
        )
        read = msgspec.json.decode if type_ is None else stamp if type_ == "time" else lambda known: known
        return [(read(value), entries) for value, entries in rows]

    def histogram(self, query: Node, every: int) -> list[tuple[int, int]]:
        if every <= 0:
            raise UsageError("usage.argument", f"a period of {every} microseconds is not one")
        # `%` takes the sign of the time in SQL: before 1970 periods would otherwise begin late.
        rows = self._ask(
            f"SELECT {TIME} - (({TIME} % ?) + ?) % ? AS start, count(*)",
            [every, every, every],
            query,
            " GROUP BY start ORDER BY start LIMIT ?",
            [MAX_PERIODS + 1],
        )
        if len(rows) > MAX_PERIODS:
            raise QueryError(
                "query.too-large",
                f"more than {MAX_PERIODS:,} periods have entries",
                hint="Ask for longer periods or a shorter time.",
            )
        return [(start, entries) for start, entries in rows]

    def search(self, query: Node, limit: int, *, newest_first: bool, after: Place | None) -> list[Hit]:
        if not 0 <= limit <= MAX_HITS:
            raise _too_many("entries", limit, MAX_HITS)
        condition, parameters = self._condition(query)
        if after is not None:
            told, bound = _beyond(after, newest_first=newest_first)
            condition, parameters = f"{condition} AND {told}", parameters + bound
        direction = "DESC" if newest_first else "ASC"
        found: list[tuple[Any, ...]] = []
        with self._cursor() as cursor:
            for segments, live, edge in self._groups(newest_first=newest_first, after=after):
                source, paths = self._source(segments, live=live)
                if not source:
                    continue
                found += cursor.execute(
                    f"SELECT {', '.join(_ORDER)}, file, file_row FROM ({source}) WHERE {condition} "
                    f"ORDER BY {', '.join(f'{column} {direction}' for column in _ORDER)} LIMIT ?",
                    [*paths, *parameters, limit],
                ).fetchall()
                found.sort(key=lambda row: row[:3], reverse=newest_first)
                del found[limit:]
                if edge is None or (len(found) == limit and _settled(found, edge, newest_first=newest_first)):
                    break
            return self._fetch(cursor, found)

    # --- SQL

    def _ask(
        self, select: str, first: Parameters, query: Node, rest: str = "", last: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        condition, parameters = self._condition(query)
        source, paths = self._source(self._snapshot.between(self._since, self._until), live=True)
        if not source:
            return []
        with self._cursor() as cursor:
            return cursor.execute(
                f"{select} FROM ({source}) WHERE {condition}{rest}", [*first, *paths, *parameters, *last]
            ).fetchall()

    def _condition(self, query: Node) -> tuple[str, Parameters]:
        condition, parameters = where(query, present=self._snapshot.columns)
        for sign, bound in ((">=", self._since), ("<", self._until)):
            if bound is not None:
                condition += f" AND {TIME} {sign} ?"
                parameters.append(bound)
        for trail, floor in self._snapshot.floors().items():
            condition += f" AND NOT ({quoted(TRAIL)} = ? AND {quoted(INDEX)} < ?)"
            parameters += [trail, floor]
        return condition, parameters

    def _source(self, segments: Sequence[Segment], *, live: bool) -> tuple[str, Parameters]:
        """A relation over exactly these files, never a pattern, and the live rows; empty text for nothing."""
        parts: list[str] = []
        parameters: Parameters = []
        if segments:
            parts.append("SELECT *, filename AS file, file_row_number AS file_row FROM read_parquet(?)")
            parameters.append([self._path(segment) for segment in segments])
        if live and self._snapshot.live.rows:
            parts.append("SELECT *, NULL AS file, -1 AS file_row FROM live")
        return " UNION ALL ".join(parts), parameters

    def _path(self, segment: Segment) -> str:
        return str(self._engine.folder / segment.file)

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the snapshot's live rows under the name `live`."""
        with self._engine.cursor() as cursor:
            if self._snapshot.live.rows:
                cursor.register("live", self._snapshot.live.table())
            yield cursor

    # --- listing

    def _groups(
        self, *, newest_first: bool, after: Place | None
    ) -> Iterator[tuple[list[Segment], bool, int | None]]:
        """(segments, live rows too?, the nearest time that is left) in the order of the listing."""
        since, until = self._since, self._until
        if after is not None and newest_first:
            until = after.time_us + 1 if until is None else min(until, after.time_us + 1)
        elif after is not None:
            since = after.time_us if since is None else max(since, after.time_us)
        left = self._snapshot.between(since, until)
        left.sort(key=(lambda s: -s.newest) if newest_first else (lambda s: s.oldest))
        rows, live = _FIRST_ROWS, True
        while left or live:
            group: list[Segment] = []
            while left and (not group or sum(s.rows for s in group) + left[0].rows <= rows):
                group.append(left.pop(0))
            yield group, live, (left[0].newest if newest_first else left[0].oldest) if left else None
            rows, live = rows * _MORE, False

    def _fetch(self, cursor: duckdb.DuckDBPyConnection, found: list[tuple[Any, ...]]) -> list[Hit]:
        """Full rows of what is listed, in its order."""
        hits: dict[tuple[str, int], Hit] = {}
        wanted: dict[str | None, list[tuple[Any, ...]]] = {}
        for row in found:
            wanted.setdefault(row[3], []).append(row)
        names = [name for name in _ROW if name in self._snapshot.columns]
        for file, rows in wanted.items():
            if file is None:
                self._from_live(rows, hits)
                continue
            numbers = sorted(row[4] for row in rows)
            fetched = cursor.execute(
                f"SELECT {', '.join(map(quoted, names))} FROM read_parquet(?) "
                "WHERE file_row_number BETWEEN ? AND ? "
                f"AND file_row_number IN ({', '.join('?' * len(rows))})",
                [[file], numbers[0], numbers[-1], *numbers],
            )
            for row in fetched.fetchall():
                _collect(names, row, hits)
        return [hits[row[1], row[2]] for row in found]

    def _from_live(self, rows: list[tuple[Any, ...]], hits: dict[tuple[str, int], Hit]) -> None:
        by_trail: dict[str, list[int]] = {}
        for row in rows:
            by_trail.setdefault(row[1], []).append(row[2])
        live = self._snapshot.live.table().select(_ROW)
        for trail, indexes in by_trail.items():
            in_trail = pc.equal(live[TRAIL], pa.scalar(trail))
            part = live.filter(pc.and_(in_trail, pc.is_in(live[INDEX], value_set=pa.array(indexes))))
            for row in zip(*(column.to_pylist() for column in part.columns), strict=True):
                _collect(_ROW, row, hits)


def _collect(names: Sequence[str], row: tuple[Any, ...], hits: dict[tuple[str, int], Hit]) -> None:
    fields, trail, index, time = fields_of(names, row)
    hits[trail, index] = Hit(trail, index, time, fields)


def _beyond(after: Place, *, newest_first: bool) -> tuple[str, Parameters]:
    """The condition that an entry comes later in the listing than a place."""
    sign = "<" if newest_first else ">"
    time, trail, index = _ORDER
    return (
        f"({time} {sign}= ? AND ({time} {sign} ? OR {trail} {sign} ? OR ({trail} = ? AND {index} {sign} ?)))",
        [after.time_us, after.time_us, after.trail, after.trail, after.index],
    )


def _settled(found: list[tuple[Any, ...]], edge: int, *, newest_first: bool) -> bool:
    """True where nothing at or beyond `edge` can come before the last of `found`; equal times still can."""
    last = found[-1][0] if found else None
    return last is None or (last > edge if newest_first else last < edge)


def _too_many(what: str, limit: int, most: int) -> UsageError:
    return UsageError(
        "usage.argument",
        f"{limit:,} {what} were asked for, from 0 to {most:,} can be",
        hint="Ask for fewer at a time.",
    )
