"""Fields to columns and back. A typed field has a column; all else is kept exactly, as JSON, in `rest`.

A value that does not fit its column (an unknown key, another type, a time written in another form) goes to
`rest` too, so a hostile event costs itself a fast search and nobody else anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import pyarrow as pa

from sealtrail.event import Entry, Fields
from sealtrail.event.codec import ordered
from sealtrail.store.query import times
from sealtrail.store.query.match import has_column, rest_text
from sealtrail.store.query.meaning import TYPES, address_key, fits
from sealtrail.store.query.sql import REST, REST_TEXT, key_column

TRAIL: Final = "sealtrail.trail"
INDEX: Final = "sealtrail.index"
TIME: Final = "time"
"""@timestamp, else the time of sealing, else 0: what entries are sorted by. Never NULL."""

_ARROW: Final[Mapping[str, Any]] = {
    "keyword": pa.string(),
    "text": pa.string(),
    "ip": pa.string(),
    "keywords": pa.list_(pa.string()),
    "time": pa.int64(),
    "long": pa.int64(),
    "bool": pa.bool_(),
}
# What `stamp` writes; any other form of a time is kept beside its number.
_CANONICAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

TYPED: Final = {name: type_ for name, type_ in TYPES.items() if name not in (TRAIL, INDEX)}
"""The event's own fields that have a column, in schema order."""


def _schema() -> pa.Schema:
    columns: list[pa.Field[Any]] = [
        pa.field(TRAIL, pa.string(), nullable=False),
        pa.field(INDEX, pa.int64(), nullable=False),
        pa.field(TIME, pa.int64(), nullable=False),
    ]
    for name, type_ in TYPED.items():
        columns.append(pa.field(name, _ARROW[type_]))
        if type_ == "ip":
            # 16 bytes in numeric order: a network is one comparison from below and one from above.
            columns.append(pa.field(key_column(name), pa.binary()))
    return pa.schema([*columns, pa.field(REST, pa.string()), pa.field(REST_TEXT, pa.string())])


SCHEMA: Final = _schema()
FINGERPRINT: Final = hashlib.sha256(SCHEMA.to_string().encode()).hexdigest()[:16]
"""Names and types of the columns: segments of another fingerprint are rebuilt, never guessed at."""


def table(entries: Sequence[Entry]) -> pa.Table:
    """Entries as an Arrow table of `SCHEMA`. Takes any fields a decoder can give; never raises for them."""
    fields = [entry.fields for entry in entries]
    there: set[str] = set().union(*fields)
    names = [name for name in TYPED if name in there]
    # Event by event, not column by column: an event's fields lie together in memory.
    rows = [tuple(map(event.get, names)) for event in fields]
    columns: dict[str, Sequence[Any]] = {
        TRAIL: [entry.trail for entry in entries],
        INDEX: [entry.index for entry in entries],
    }
    # Events of which something has no column: a name without one, a null, a value of another type.
    odd = {
        row
        for row, (event, values) in enumerate(zip(fields, rows, strict=True))
        if len(event) + values.count(None) != len(names)
    }
    moments: dict[str, int | None] = {}
    for name, column in zip(names, zip(*rows, strict=True), strict=True) if rows else ():
        type_ = TYPED[name]
        columns[name] = column
        if not _all_fit(type_, column, moments):
            columns[name] = kept = [v if v is not None and fits(type_, v) else None for v in column]
            odd.update(row for row, value in enumerate(kept) if value is None and column[row] is not None)
    rests: dict[int, Fields] = {}
    texts = _keep_rest(fields, odd, rests) if odd else None
    for name in [name for name in columns if TYPED.get(name) == "time"]:
        columns[name] = _times(name, columns[name], moments, rests)
    columns[TIME] = _sort_times(columns, len(entries))
    for name in [name for name in columns if TYPED.get(name) == "ip"]:
        known = {value: address_key(value) for value in set(columns[name]) if value is not None}
        columns[key_column(name)] = [known.get(value) for value in columns[name]]
    if rests:
        columns[REST] = [_json(rests[row]) if row in rests else None for row in range(len(entries))]
    if texts is not None:
        columns[REST_TEXT] = texts
    return pa.Table.from_arrays(
        [_array(columns.get(field.name), field.type, len(entries)) for field in SCHEMA], schema=SCHEMA
    )


def fields_of(names: Iterable[str], row: Iterable[Any]) -> tuple[Fields, str, int, int]:
    """(fields as they were sealed, trail, index, time) of one row."""
    found: dict[str, Any] = {}
    rest: Fields = {}
    trail, index, time = "", 0, 0
    for name, value in zip(names, row, strict=True):
        if value is None:
            continue
        type_ = TYPED.get(name)
        if type_ is not None:
            found[name] = times.stamp(value) if type_ == "time" else value
        elif name == REST:
            rest = msgspec.json.decode(value)
        elif name == TRAIL:
            trail = value
        elif name == INDEX:
            index = value
        elif name == TIME:
            time = value
    if rest:
        # `rest` is told last: it holds the exact text of times that were written in another form.
        found = ordered({**found, **rest})
    return found, trail, index, time


def present(rows: pa.Table) -> frozenset[str]:
    """The columns that hold anything at all."""
    return frozenset(
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if column.null_count < len(rows)
    )


def _all_fit(type_: str, values: Sequence[Any], moments: dict[str, int | None]) -> bool:
    """`fits` for a whole column, by the set of its Python types: nearly always the answer is yes.

    Times that were read are added to `moments`.
    """
    kinds = set(map(type, values)) - {type(None)}
    if type_ == "long":
        return kinds <= {int} and all(fits("long", value) for value in set(values) - {None})
    if type_ == "keywords":
        return kinds <= {list} and set(map(type, chain.from_iterable(v for v in values if v))) <= {str}
    if type_ == "time":
        if not kinds <= {str}:
            return False
        read = {value: times.from_stamp(value) for value in set(values) - {None}}
        moments.update(read)
        return None not in read.values()
    return kinds <= ({bool} if type_ == "bool" else {str})


def _keep_rest(fields: list[Fields], odd: set[int], rests: dict[int, Fields]) -> list[str | None] | None:
    """Fill `rests` with what has no column in the rows `odd`; their texts for full-text search."""
    texts: list[str | None] = [None] * len(fields)
    for row in odd:
        rests[row] = rest = {n: value for n, value in fields[row].items() if not has_column(n, value)}
        text = rest_text(rest)
        texts[row] = None if text is None else _clean(text)
    return texts if any(text is not None for text in texts) else None


def _times(
    name: str, values: Sequence[Any], moments: dict[str, int | None], rests: dict[int, Fields]
) -> list[int | None]:
    """A column of times as numbers. A text that the number does not give back goes to `rests` as well."""
    distinct = set(values) - {None}
    for value in distinct - moments.keys():
        moments[value] = times.from_stamp(value)
    other = {value for value in distinct if _CANONICAL.fullmatch(value) is None}
    if other:
        for row, value in enumerate(values):
            if value in other:
                rests.setdefault(row, {})[name] = value
    return [None if value is None else moments[value] for value in values]


def _sort_times(columns: Mapping[str, Sequence[Any]], rows: int) -> list[int]:
    nothing: list[Any] = [None] * rows
    happened, sealed = columns.get("@timestamp", nothing), columns.get("event.ingested", nothing)
    return [
        at if at is not None else then if then is not None else 0
        for at, then in zip(happened, sealed, strict=True)
    ]


def nothing(type_: Any, rows: int) -> Any:
    """A column without a value. Two in three are such, so up to a size they share their memory."""
    if rows > _SHARED_ROWS:
        return pa.nulls(rows, type_)
    whole = _nothing.get(type_)
    if whole is None:
        whole = _nothing[type_] = pa.nulls(_SHARED_ROWS, type_)
    return whole.slice(0, rows)


_SHARED_ROWS: Final = 65_536
_nothing: dict[Any, Any] = {}


def _array(values: Sequence[Any] | None, type_: Any, rows: int) -> Any:
    if values is None:
        return nothing(type_, rows)
    try:
        return pa.array(values, type_)
    except UnicodeEncodeError:
        # Half a character cannot come out of JSON, but a column must not depend on where fields came from.
        return pa.array(_clean(values), type_)


def _json(rest: Fields) -> str:
    try:
        return msgspec.json.encode(rest).decode()
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError):
        return msgspec.json.encode(_clean(rest)).decode()


def _clean(value: Any, depth: int = 0) -> Any:
    """The nearest thing to `value` that JSON and every column can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict) and depth < 32:
        return {_clean(str(key)): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth < 32:
        return [_clean(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return _clean(repr(value))
