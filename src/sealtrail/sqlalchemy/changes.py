"""Collects what each transaction changes, and records it once the commit has returned."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any, Final

from sqlalchemy import Connection, Engine, TextClause, event
from sqlalchemy.orm import Mapper, Session, UOWTransaction

from sealtrail.capture.audit.acts import unrecorded
from sealtrail.capture.audit.pending import Pending, RowChange, row
from sealtrail.capture.recorder import default
from sealtrail.errors import BusyError, UsageError
from sealtrail.sqlalchemy import commits, objects, origin, statements

# Statements of a flush speak of objects, of which the mapper tells better.
_flushing: Final[ContextVar[Any]] = ContextVar("sealtrail_flushing", default=None)
_AFTER: Final = {"insert": "_inserted", "update": "_updated", "delete": "_deleted"}


def capture_changes(
    target: Any,
    *,
    include: Collection[Any] | None = None,
    exclude: Collection[Any] = (),
    required: bool = False,
    fsync: bool = False,
    values: bool = True,
    read_old: bool = True,
) -> Capture:
    """Record what is changed through `target`: an engine, a session factory or a session, each plain or
    asyncio's, or what a declarative base maps, whatever the engine.

    `include` and `exclude` hold tables by name, or mapped classes; `exclude` also
    columns, as `users.last_seen`. With `required` every change is recorded before the commit, and there is no
    commit where that fails: BusyError is raised and all is rolled back. `values=False` leaves the values of
    statements out. `read_old=False` forbids the query for an old value that was not loaded.

    Raises UsageError for a target that leads to no engine.
    """
    return Capture(
        target,
        include=None if include is None else frozenset(map(_name, include)),
        exclude=frozenset(map(_name, exclude)),
        required=required,
        fsync=fsync,
        values=values,
        read_old=read_old,
    )


class Capture:
    """What `capture_changes` returns. `remove` ends it."""

    def __init__(
        self,
        target: Any,
        *,
        include: frozenset[str] | None,
        exclude: frozenset[str],
        required: bool,
        fsync: bool,
        values: bool,
        read_old: bool,
    ) -> None:
        self._include = include
        self._exclude = exclude
        self._required = required
        self._fsync = fsync
        self._values = values
        self._read_old = read_old
        engines, self._tables = _targets(target)
        known = [*(include or ()), *exclude, *(self._tables or ())]
        self._names = {name.lower(): name for name in known}
        self._dialects = weakref.WeakSet(engine.dialect for engine in engines)
        # Of connections that commit by themselves: the last announcements, by verb and table.
        self._announced: weakref.WeakKeyDictionary[Pending, dict[tuple[str, str], RowChange]] = (
            weakref.WeakKeyDictionary()
        )
        self._listeners: list[tuple[Any, str, Callable[..., Any]]] = []
        listened: list[Any] = [*engines] or [Engine]
        for one in listened:
            self._listen(one, "after_execute", self._executed)
            self._listen(one, "after_cursor_execute", self._driven)
            self._listen(one, "begin", self._begun)
            self._listen(one, "begin_twophase", self._begun)
            self._listen(one, "rollback", self._begun)
            self._listen(one, "rollback_twophase", self._begun)
            self._listen(one, "savepoint", self._marked)
            if required:
                self._listen(one, "before_execute", self._announcing)
                self._listen(one, "before_cursor_execute", self._announcing_driven)
                self._listen(one, "handle_error", self._refused)
        self._listen(Mapper, "before_update", self._updating)
        for verb in _AFTER:
            self._listen(Mapper, f"after_{verb}", getattr(self, _AFTER[verb]))
        self._listen(Session, "before_flush", _flush_begins)

    def _listen(self, target: Any, name: str, listener: Callable[..., Any]) -> None:
        event.listen(target, name, listener)
        self._listeners.append((target, name, listener))

    def remove(self) -> None:
        """Listen no longer. What is not committed by then is not recorded."""
        while self._listeners:
            event.remove(*self._listeners.pop())

    # --- what is captured, and where it waits

    def _takes(self, connection: Connection, table: str) -> bool:
        if self._tables is not None:
            if table not in self._tables:
                return False
        elif connection.dialect not in self._dialects:
            return False
        return table not in self._exclude and (self._include is None or table in self._include)

    def _takes_mapped(self, connection: Connection, mapper: Mapper[Any]) -> bool:
        """An object of a class that inherits is a row of each of its tables."""
        return any(self._takes(connection, str(getattr(table, "fullname", table))) for table in mapper.tables)

    def _pending(self, connection: Connection) -> Pending:
        commits.watch(connection.dialect)
        found = connection.info.get(self)
        if found is None:
            found = connection.info[self] = Pending(required=self._required, fsync=self._fsync)
        assert isinstance(found, Pending)
        return found

    def _add(self, connection: Connection, change: RowChange) -> None:
        pending = self._pending(connection)
        if self._exclude and change.change:
            change.change[:] = [
                c for c in change.change if f"{change.table}.{c['path']}" not in self._exclude
            ]
            if not change.change and change.verb == "update" and change.rows is None:
                return
        pending.add(change)
        if _autocommits(connection):
            # It is done already, and no commit will tell.
            before = self._announced.get(pending, {}).get((change.verb, change.table))
            if before is not None:
                change.intent = before.intent
            pending.prepare()
            pending.committed()

    def _failed(self, connection: Connection) -> None:
        """A change could not be read: our fault is not the application's, unless it said so."""
        default().failed()
        if self._required:
            self._pending(connection).broken = True

    # --- one object

    def _updating(self, mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        try:
            if not self._takes_mapped(connection, mapper):
                return
            state = target._sa_instance_state  # noqa: SLF001 - what inspect() returns
            found = objects.changed(mapper, state)
            if self._read_old:
                objects.read_old(connection, mapper, state, found)
            self._pending(connection).before[state] = found
        except Exception:
            self._failed(connection)

    def _updated(self, mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        try:
            if not self._takes_mapped(connection, mapper):
                return
            state = target._sa_instance_state  # noqa: SLF001 - as above
            before = self._pending(connection).before.pop(state, {})
            change = objects.difference(before, objects.changed(mapper, state))
            if change:
                identity = objects.identity(mapper, state)
                self._add(connection, RowChange("update", _table(mapper), identity, change))
        except Exception:
            self._failed(connection)

    def _inserted(self, mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        self._whole("create", mapper, connection, target)

    def _deleted(self, mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        self._whole("delete", mapper, connection, target)

    def _whole(self, verb: str, mapper: Mapper[Any], connection: Connection, target: Any) -> None:
        try:
            if not self._takes_mapped(connection, mapper):
                return
            state = target._sa_instance_state  # noqa: SLF001 - as above
            held = objects.loaded(mapper, state)
            change = row(None, held) if verb == "create" else row(held, None)
            self._add(connection, RowChange(verb, _table(mapper), objects.identity(mapper, state), change))
        except Exception:
            self._failed(connection)

    # --- a statement

    def _executed(
        self, connection: Connection, clause: Any, _many: Any, _one: Any, _options: Any, result: Any
    ) -> None:
        try:
            if isinstance(clause, TextClause) or getattr(clause, "is_dml", False):
                self._collect(connection, clause, result)
        except BusyError:  # of a connection that commits by itself
            raise
        except Exception:
            self._failed(connection)

    def _driven(
        self, connection: Connection, cursor: Any, statement: str, _given: Any, context: Any, _many: bool
    ) -> None:
        """What was handed to the driver as it is, by `exec_driver_sql`, is told of here alone."""
        if context.compiled is not None:
            return
        try:
            for made in statements.of_text(statement, cursor.rowcount):
                self._add_named(connection, made)
        except BusyError:  # as above
            raise
        except Exception:
            self._failed(connection)

    def _collect(self, connection: Connection, clause: Any, result: Any) -> None:
        is_raw = isinstance(clause, TextClause)
        if not is_raw and _is_flushing():
            writer = origin.writer()
            if writer == "object":
                return
            if writer == "pairs":
                if self._takes(connection, statements.table_of(clause)):
                    for change in statements.rows_of_flush(clause, result):
                        self._add(connection, change)
                return
        for made in statements.of_statement(clause, result, values=self._values):
            if is_raw:
                self._add_named(connection, made)
            elif self._takes(connection, made.table):
                self._add(connection, made)

    def _add_named(self, connection: Connection, made: RowChange) -> None:
        """One of a statement by hand, which may name a table as it likes."""
        made.table = self._named(made.table)
        if self._takes(connection, made.table):
            self._add(connection, made)

    def _named(self, table: str) -> str:
        folded = table.lower()
        return self._names.get(folded) or self._names.get(folded.rpartition(".")[2]) or table

    # --- where each statement is a transaction of its own

    def _announcing(self, connection: Connection, clause: Any, *_: Any) -> None:
        self._announce(connection, clause)

    def _announcing_driven(
        self, connection: Connection, _cursor: Any, statement: str, _given: Any, context: Any, _many: bool
    ) -> None:
        if context.compiled is None:
            self._announce(connection, statement)

    def _announce(self, connection: Connection, clause: Any) -> None:
        """Before the statement: there is no commit that could be kept from happening."""
        if not _autocommits(connection):
            return
        try:
            pending = self._pending(connection)
            announced: dict[tuple[str, str], RowChange] = {}
            for change in statements.announced(clause):
                change.table = self._named(change.table)
                if self._takes(connection, change.table):
                    pending.announce(change)
                    announced[change.verb, change.table] = change
            if announced:  # what is read in between announces nothing
                self._announced[pending] = announced
        except BusyError:
            raise
        except Exception as error:
            default().failed()
            raise unrecorded() from error

    def _refused(self, context: Any) -> None:
        """The database refused what was announced."""
        try:
            pending = None if context.connection is None else context.connection.info.get(self)
            if isinstance(pending, Pending):
                for change in self._announced.pop(pending, {}).values():
                    pending.abandoned(change, context.original_exception)
        except Exception:  # a connection that is closed has no more to tell
            default().failed()

    # --- the transaction

    def _begun(self, connection: Connection, *_: Any) -> None:
        """It begins, or is rolled back: nothing waits."""
        try:
            found = connection.info.get(self)
            if found is not None:
                found.clear()
        except Exception:  # a connection that is closed has no more to tell
            default().failed()

    def _marked(self, connection: Connection, *_: Any) -> None:
        """Before the first savepoint: what is changed after it may be taken back."""
        try:
            self._pending(connection)
        except Exception:  # a connection that is closed has no more to tell
            default().failed()


def _autocommits(connection: Connection) -> bool:
    level = connection.get_execution_options().get("isolation_level")
    level = level or getattr(connection.dialect, "_on_connect_isolation_level", None)
    return level == "AUTOCOMMIT"


def _flush_begins(_session: Session, flush: UOWTransaction, _objects: Any) -> None:
    _flushing.set(weakref.ref(flush))


def _is_flushing() -> bool:
    """Whether a flush is under way. One that found nothing to do ends without a word."""
    reference = _flushing.get()
    flush = None if reference is None else reference()
    return flush is not None and flush.session._flushing  # noqa: SLF001 - nothing else tells


def _table(mapper: Mapper[Any]) -> str:
    return str(getattr(mapper.local_table, "fullname", mapper.local_table))


def _name(given: Any) -> str:
    table = getattr(given, "__table__", given)
    return str(getattr(table, "fullname", table))


def _targets(target: Any) -> tuple[list[Engine], Collection[str] | None]:
    """The engines behind a target, or the tables of a declarative base, whatever engine they are in."""
    metadata = getattr(target, "metadata", None)
    if isinstance(target, type) and metadata is not None:
        return [], metadata.tables
    factory = getattr(target, "session_factory", target)  # scoped_session
    given = getattr(factory, "kw", None)
    if given is None:
        session = getattr(factory, "sync_session", factory)
        given = {"bind": getattr(session, "bind", None) or factory}
        given["binds"] = vars(session).get("_Session__binds") if isinstance(session, Session) else None
    binds = [given.get("bind"), *(given.get("binds") or {}).values()]
    engines = [_engine(bind) for bind in binds if bind is not None]
    found = [engine for engine in engines if engine is not None]
    if not found:
        raise UsageError(
            "usage.argument",
            f"changes cannot be captured through {type(target).__name__}: it leads to no engine",
            hint="Give the engine, a session factory that has one, or the declarative base.",
        )
    return found, None


def _engine(bind: Any) -> Engine | None:
    bind = getattr(bind, "sync_engine", bind)
    bind = getattr(bind, "engine", bind)
    return bind if isinstance(bind, Engine) else None
