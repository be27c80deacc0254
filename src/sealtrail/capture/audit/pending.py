"""Changes of a database transaction that is under way: they are on record once it has committed.

What is rolled back is not recorded, also to a savepoint. Where the record is required each change is
recorded before the commit as well, and where that fails there is no commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture.audit.acts import intend, record
from sealtrail.capture.audit.change import Difference
from sealtrail.capture.audit.state import snapshot
from sealtrail.capture.recorder import default
from sealtrail.errors import BusyError

# Single objects of one transaction; of what is beyond only the number is recorded, by table and verb.
MAX_OBJECTS: Final = 1000
_DATABASE: Final = ("database",)
# Columns that are called after what their table holds: the key of a token is one.
_VAGUE: Final = frozenset({"key", "value", "code", "digest", "hash", "data"})


@dataclass(slots=True)
class RowChange:
    """One object, or with `rows` a statement that changed many. `verb` is create, update or delete.

    `rows` may be asked for when it is told: a driver may know only once the result was read.
    """

    verb: str
    table: str
    identity: str = ""
    change: Difference | None = None
    rows: int | Callable[[], int | None] | None = None
    details: Any = None
    intent: str | None = None

    def said(self) -> dict[str, Any]:
        details = self.details
        if self.rows is not None:
            rows = self.counted()
            count = {} if rows is None else {"rows": rows}
            details = {"bulk": True, **count, **(details or {})}
        return {
            "target": (self.table, self.identity),
            "change": self._said_changes() or None,
            "details": snapshot(details),
            "category": _DATABASE,
        }

    def _said_changes(self) -> Difference | None:
        if self.change is None or not any(change["path"] in _VAGUE for change in self.change):
            return self.change
        return Difference(
            [
                {
                    name: part
                    if name == "path" or change["path"] not in _VAGUE
                    else scrub.value(f"{self.table}_{change['path']}", part, "sealtrail.change")[0]
                    for name, part in change.items()
                }
                for change in self.change
            ]
        )

    def counted(self) -> int | None:
        return self.rows() if callable(self.rows) else self.rows


def identified(table: str, parts: Iterable[tuple[str, Any]]) -> str:
    """A row of a table by its key: the columns' values, joined by commas.

    One that is a secret, such as the key of a session, is a keyed hash, the same as everywhere else.
    """
    return ",".join(_part(table, name, value) for name, value in parts)


def _part(table: str, name: str, value: Any) -> str:
    rule = ""
    if type(value) is str:
        rule = scrub.secret_name(f"{table}_{name}" if name in _VAGUE else name)
    if not rule:
        return "" if value is None else str(value)
    pseudonyms = default().pseudonyms
    return pseudonyms.of_session(str(value)) if rule == "session" else pseudonyms.of_token(str(value))


def row(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Difference:
    """The values of a row that was created (`new` alone) or deleted (`old` alone)."""
    sides = (("old", old), ("new", new))
    return Difference(
        [
            {"path": name, side: snapshot(value)}
            for side, held in sides
            for name, value in (held or {}).items()
        ]
    )


def rows_of(cursor: Any) -> Callable[[], int | None]:
    """How many rows a statement has changed, of a driver that may know only once its result was read."""

    def counted() -> int | None:
        return int(cursor.rowcount) if cursor.rowcount > 0 else None

    return counted


class Pending:
    """What one connection has changed since its transaction began. `required`: see above."""

    def __init__(self, *, required: bool = False, fsync: bool = False) -> None:
        self.required = required
        self.fsync = fsync
        self.broken = False
        # Of whoever listens: what was seen before an update that is under way.
        self.before: dict[Any, Any] = {}
        self._changes: list[RowChange] = []
        self._beyond: dict[tuple[str, str], int] = {}
        self._marks: dict[str, tuple[int, dict[tuple[str, str], int]]] = {}

    def __len__(self) -> int:
        return len(self._changes) + len(self._beyond)

    def add(self, change: RowChange) -> None:
        if len(self._changes) < MAX_OBJECTS:
            self._changes.append(change)
        else:
            key = (change.verb, change.table)
            rows = 1 if change.rows is None else max(change.counted() or 0, 0)
            self._beyond[key] = self._beyond.get(key, 0) + rows

    def savepoint(self, name: str) -> None:
        self._marks[name] = (len(self._changes), dict(self._beyond))

    def release(self, name: str) -> None:
        self._marks = self._before(name)

    def back(self, name: str) -> None:
        """To a savepoint, whatever savepoints were made after it. It stays."""
        # Of one that was made before anything was listened to: all that is known came after it.
        length, beyond = self._marks.get(name, (0, {}))
        self._marks = {**self._before(name), name: (length, beyond)}
        del self._changes[length:]
        self._beyond = dict(beyond)

    def _before(self, name: str) -> dict[str, tuple[int, dict[tuple[str, str], int]]]:
        """The savepoints that are older than this one. One that is not known is older than all that are."""
        older = takewhile(name.__ne__, self._marks) if name in self._marks else ()
        return {known: self._marks[known] for known in older}

    def clear(self) -> None:
        self._changes, self._beyond, self._marks = [], {}, {}
        self.before, self.broken = {}, False

    def prepare(self) -> None:
        """Just before the commit. Raises BusyError where it must not be made."""
        self._sum_up()
        if not self.required:
            return
        if self.broken:
            raise BusyError(
                "busy.spool",
                "a change that must be recorded could not be read",
                hint="The application's log says why. Nothing was committed.",
            )
        for change in self._changes:
            if change.intent is None:
                self.announce(change)

    def announce(self, change: RowChange) -> None:
        """Announce one. Raises BusyError where it must not be made."""
        change.intent = intend(f"{change.table}.{change.verb}", fsync=self.fsync, **change.said())

    def alone(self, change: RowChange) -> None:
        """It is done already, and no commit will tell."""
        self._tell(change, "success", None)

    def abandoned(self, change: RowChange, error: BaseException) -> None:
        """It was announced, and has not been made."""
        self._tell(change, "failure", error)

    def overdue(self, change: RowChange) -> None:
        """It is committed, by whatever way that told of no commit."""
        for place, one in enumerate(self._changes):
            if one is change:
                del self._changes[place]
                if self.required and change.intent is None:
                    self.announce(change)
                self.alone(change)
                return

    def committed(self) -> None:
        self._sum_up()
        self._end("success", None)

    def failed(self, error: BaseException, *, is_sure: bool = True) -> None:
        """There was no commit: what was announced is taken back.

        Where that is not sure, as with a connection that broke, all of it is recorded as unknown.
        """
        if not is_sure or not isinstance(error, Exception):
            self._end("unknown", error)
            return
        self._changes = [change for change in self._changes if change.intent is not None]
        self._end("failure", error)

    def _end(self, outcome: str, error: BaseException | None) -> None:
        changes = self._changes
        self.clear()
        for change in changes:
            self._tell(change, outcome, error)

    def _tell(self, change: RowChange, outcome: str, error: BaseException | None) -> None:
        record(
            f"{change.table}.{change.verb}",
            outcome=outcome,
            error=error,
            intent=change.intent,
            required=self.required,
            fsync=self.fsync,
            **change.said(),
        )

    def _sum_up(self) -> None:
        beyond, self._beyond = self._beyond, {}
        why = {"cause": f"only the first {MAX_OBJECTS} changes of a transaction are recorded one by one"}
        self._changes += [RowChange(verb, table, rows=n, details=why) for (verb, table), n in beyond.items()]


@contextmanager
def committing(
    told: Sequence[Pending], undo: Callable[[], None], is_sure: Callable[[BaseException], bool]
) -> Iterator[None]:
    """Around a commit: what waits for it is announced before, and told how it ended.

    `undo` takes the transaction back where it must not be committed: whatever the caller does about the
    error. `is_sure` says of an error whether there was no commit. Raises BusyError, and what the commit does.
    """
    try:
        for one in told:
            one.prepare()
    except BaseException as error:
        # Before it is undone: what is rolled back without an announcement is forgotten.
        for one in told:
            one.failed(error)
        undo()
        raise
    try:
        yield
    except BaseException as error:
        sure = is_sure(error)
        for one in told:
            one.failed(error, is_sure=sure)
        raise
    for one in told:
        one.committed()
