"""The cell: a process that is lent open files, locks itself in, runs one SELECT and prints the answer.

`python -I -m sealtrail.store.cell`, with a Job on stdin. Everything is imported before the door is locked;
everything foreign, the statement and the segments, is touched only after.
"""

from __future__ import annotations

import contextlib
import ctypes  # noqa: F401 - libraries below load it when they first need it, and then nothing can be opened
import datetime as dt
import decimal
import encodings.idna  # noqa: F401 - as above
import mmap
import sys
import uuid  # noqa: F401 - as above
from collections.abc import Iterator, Sequence
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from sealtrail.errors import QueryError, SealtrailError
from sealtrail.store.columns import INDEX, SCHEMA, TIME, TRAIL, TYPED
from sealtrail.store.confine import confine
from sealtrail.store.query.sql import REST, quoted
from sealtrail.store.query.times import stamp
from sealtrail.store.wire import End, Fault, Head, Job, Message, Rows

BATCH_ROWS: Final = 1024
"""Rows that are turned into text at once."""

HEAP_BYTES: Final = 512 * 1024 * 1024
"""Beside what DuckDB may use: Python, Arrow, and the stacks of their threads."""

_SQL_TYPES: Final = {
    "keyword": "VARCHAR",
    "text": "VARCHAR",
    "ip": "VARCHAR",
    "keywords": "VARCHAR[]",
    "time": "TIMESTAMP",
    "long": "BIGINT",
    "bool": "BOOLEAN",
}
COLUMNS: Final = {
    TRAIL: "VARCHAR",
    INDEX: "BIGINT",
    **{name: _SQL_TYPES[type_] for name, type_ in TYPED.items()},
    REST: "JSON",
}
"""The columns of `events` and their types."""

VIEWS: Final = {"events": "", "alerts": f"WHERE {quoted('sealtrail.kind')} = 'alert'"}

_LONGEST_EXACT: Final = 2**53
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def main() -> None:
    """Read a Job, print Messages. Ends with 0 whatever became of the statement: the messages say."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        files = [_mapped(descriptor) for descriptor in job.files]
        live = _mapped(job.live)
        missing = confine(seconds=job.seconds, memory_bytes=job.memory + HEAP_BYTES, parent=job.parent)
    except SealtrailError as error:
        _say(Fault("usage.sandbox", error.what))
        return
    except (OSError, ValueError) as error:
        _say(Fault("usage.format", f"a segment of the index cannot be mapped: {error}"))
        return
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(job.threads)
    try:
        for message in answer(job, files, live, missing):
            _say(message)
    except QueryError as error:
        _say(Fault(error.code, error.what, error.column))  # type: ignore[arg-type]


def answer(job: Job, files: Sequence[mmap.mmap], live: mmap.mmap, missing: list[str]) -> Iterator[Message]:
    """What one SELECT gives. Raises QueryError, whose `column` counts characters of the statement."""
    try:
        relations = _lent(job, files, live)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Fault("usage.format", f"a segment of the index cannot be read: {str(error)[:200]}")
        return
    try:
        database = _database(job)
        for name, relation in relations.items():
            database.register(name, relation)
        for name, condition in VIEWS.items():
            database.execute(f"CREATE VIEW {name} AS {_view(relations, condition)}")
        database.execute("SET lock_configuration = true")
        yield from _run(database, job, missing)
    except (duckdb.Error, pa.ArrowException, OSError, MemoryError) as error:
        yield _fault(error, job.statement)


def _run(database: duckdb.DuckDBPyConnection, job: Job, missing: list[str]) -> Iterator[Message]:
    statements = database.extract_statements(job.statement)
    if len(statements) != 1:
        raise QueryError(
            "query.not-select", f"there are {len(statements)} statements, and exactly one is run", column=-1
        )
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        raise QueryError(
            "query.not-select", f"a statement of the kind {kind} is not run, only SELECT", column=-1
        )
    try:
        relation = database.sql(statements[0])
    except duckdb.Error:
        # The same refusal again, this time with its place in the statement.
        database.execute(statements[0])
        raise
    names = _told_apart(relation.columns)
    yield Head([(name, str(type_)) for name, type_ in zip(names, relation.types, strict=True)], missing)
    left = job.rows
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        if left < len(batch):
            yield Rows(_shown(batch.slice(0, left)))
            yield End(more=True)
            return
        left -= len(batch)
        yield Rows(_shown(batch))
    yield End(more=False)


def _lent(job: Job, files: Sequence[mmap.mmap], live: mmap.mmap) -> dict[str, Any]:
    """What we were lent, as relations by name: `segments` where there are any, and `live`.

    What was forgotten is taken out here, below every name that a statement can reach.
    """
    wanted: Any = ds.scalar(True)
    if job.since is not None:
        wanted &= ds.field(TIME) >= job.since
    if job.until is not None:
        wanted &= ds.field(TIME) < job.until
    for trail, floor in job.floors.items():
        wanted &= ~((ds.field(TRAIL) == trail) & (ds.field(INDEX) < floor))
    with pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(live))) as stream:
        relations: dict[str, Any] = {"live": ds.dataset(stream.read_all()).filter(wanted)}
    form: Any = ds.ParquetFileFormat()
    fragments = [form.make_fragment(pa.BufferReader(pa.py_buffer(file))) for file in files]
    if fragments:
        relations["segments"] = ds.FileSystemDataset(fragments, SCHEMA, form).filter(wanted)
    return relations


def _mapped(descriptor: int) -> mmap.mmap:
    """A file in memory: nothing of it is read until it is needed."""
    return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)


def _database(job: Job) -> duckdb.DuckDBPyConnection:
    """DuckDB's own locks. The kernel's hold without them; these give the better message."""
    database = duckdb.connect(":memory:", config={"memory_limit": f"{job.memory}B", "threads": job.threads})
    for statement in (
        "SET temp_directory = ''",
        "SET TimeZone = 'UTC'",
        "SET errors_as_json = true",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET allow_community_extensions = false",
        "SET allow_persistent_secrets = false",
        "SET python_enable_replacements = false",
        "SET enable_external_access = false",
    ):
        database.execute(statement)
    return database


def _view(relations: Sequence[str] | dict[str, Any], condition: str) -> str:
    columns = []
    for name, type_ in COLUMNS.items():
        column = quoted(name)
        if type_ == "TIMESTAMP":
            columns.append(f"make_timestamp({column}) AS {column}")
        elif type_ == "JSON":
            columns.append(f"{column}::JSON AS {column}")
        else:
            columns.append(column)
    return " UNION ALL ".join(f"SELECT {', '.join(columns)} FROM {name} {condition}" for name in relations)  # noqa: S608 - names of our own


def _told_apart(names: Sequence[str]) -> list[str]:
    """Every name once: `a`, `a_2`, `a_3`."""
    found: dict[str, None] = {}
    for name in names:
        free, number = name, 1
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found[free] = None
    return list(found)


def _shown(batch: pa.RecordBatch) -> list[list[Any]]:
    """Rows of what JSON can hold."""
    columns = [_values(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _values(name: str, column: Any) -> list[Any]:
    try:
        plain = column.cast(_without_zones(column.type), safe=False)
        if pa.types.is_timestamp(plain.type):
            # Python has no year 0 and no infinity; a number of microseconds has.
            return [None if value is None else _moment(value) for value in plain.cast(pa.int64()).to_pylist()]
        return [_plain(value) for value in plain.to_pylist()]
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise QueryError(
            "query.sql",
            f"a value of the column `{name}` cannot be shown, cast it to VARCHAR: {error}",
            column=-1,
        ) from None


def _without_zones(type_: Any) -> Any:
    """The type with times in microseconds of UTC, at any depth: for a zone Python would open a file."""
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us")
    if pa.types.is_list(type_):
        return pa.list_(_without_zones(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, _without_zones(field.type)) for field in type_])
    if pa.types.is_map(type_):
        return pa.map_(_without_zones(type_.key_type), _without_zones(type_.item_type))
    return type_


def _moment(value: int) -> str:
    try:
        return stamp(value)
    except (ValueError, OverflowError):
        return str(value)


def _plain(value: Any) -> Any:
    """The nearest thing in JSON: numbers it holds exactly, else text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, decimal.Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int):
        return value if abs(value) <= _LONGEST_EXACT else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, pa.MonthDayNano):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return str(value)


def _fault(error: BaseException, statement: str) -> Fault:
    """DuckDB's words and place, out of its JSON; an error that came by way of Arrow holds the same JSON."""
    what, kind, position = str(error), "", -1
    with contextlib.suppress(ValueError, msgspec.MsgspecError):
        told = _DECODER.decode(what[what.index("{") : what.rindex("}") + 1])
        what, kind = str(told.get("exception_message", what)), str(told.get("exception_type", ""))
        position = int(told.get("position", -1))
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or "Out of Memory" in {kind, what[:13]}:
        return Fault("query.too-large", "the statement needs more memory than it may use")
    if "stream registered as" in what:
        return Fault("usage.format", f"a segment of the index cannot be read: {what[:200]}")
    if position >= 0:
        # It counts bytes, people count characters.
        position = len(statement.encode()[:position].decode(errors="ignore"))
    # What follows an empty line is advice to install or to allow something, which nobody can here.
    return Fault("query.sql", what.split("\n\n")[0].replace("\n", "; "), position)


def _say(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
