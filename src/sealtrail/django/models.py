"""What Django's models change, once it is committed: by signals for objects, by statements for the rest."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete, pre_save

from sealtrail.capture.audit.change import Difference, between
from sealtrail.capture.audit.pending import RowChange, row
from sealtrail.capture.audit.state import snapshot
from sealtrail.capture.recorder import default
from sealtrail.django import origin, rows, transactions
from sealtrail.django.chosen import Chosen, table_of
from sealtrail.errors import BusyError, UsageError

Old = Literal["stored", "loaded"]
_OLD: Final = ("stored", "loaded")


# Who listens. Two of one wish would record everything twice: a project says it in its settings, which each
# handler reads anew, and perhaps when it is ready.
_listening: Final[list[Models]] = []


class Models:
    """Records what is changed of the models of `labels` (`shop.Invoice`), or of all with the word `all`.

    `exclude` holds labels too, and fields as `auth.User.last_login`. With `required` every change is recorded
    before it is committed, and nothing is committed where that fails: BusyError is raised. With `fsync` a
    record waits for the disk. `old` says which values a change is from: those `stored` in the database, which
    costs a query for each object that is saved, or those that were `loaded` with the object.

    Raises UsageError for another `old`, `listen` for a label of no model.
    """

    def __init__(
        self,
        labels: str | Collection[str],
        *,
        exclude: Collection[str] = (),
        required: bool = False,
        fsync: bool = False,
        old: Old = "stored",
    ) -> None:
        if old not in _OLD:
            raise UsageError(
                "usage.argument", f"old values cannot be {old!r}", hint=f"They are one of {', '.join(_OLD)}."
            )
        self.wish = (
            labels if isinstance(labels, str) else frozenset(labels),
            frozenset(exclude),
            required,
            fsync,
            old,
        )
        self._chosen = Chosen(labels, exclude)
        self._required = required
        self._fsync = fsync
        self._memory = rows.Memory() if old == "loaded" else None
        # By the state of an object, which nobody else holds: what was before a save, and its announcement.
        self._before: weakref.WeakKeyDictionary[Any, dict[str, Any] | None] = weakref.WeakKeyDictionary()
        self._announced: weakref.WeakKeyDictionary[Any, RowChange] = weakref.WeakKeyDictionary()

    def listen(self) -> None:
        """Begin. Nothing changes where one that wishes the same listens already; any other is ended."""
        senders = self._chosen.senders()
        if any(one.wish == self.wish for one in _listening):
            return
        while _listening:
            _listening[-1].remove()
        _listening.append(self)
        for signal, listener in self._listeners():
            for sender in senders:
                signal.connect(listener, sender=sender, dispatch_uid=_uid(listener), weak=False)
        connection_created.connect(self._connected, dispatch_uid=_uid(self._connected), weak=False)
        if self._memory is not None:
            self._memory.follow(self._chosen.models())
        for connection in connections.all(initialized_only=True):
            self._connected(connection=connection)

    def remove(self) -> None:
        """End it. What is not committed by then is not recorded."""
        if self not in _listening:
            return
        _listening.remove(self)
        for signal, listener in self._listeners():
            for sender in self._chosen.senders():
                signal.disconnect(sender=sender, dispatch_uid=_uid(listener))
        connection_created.disconnect(dispatch_uid=_uid(self._connected))
        if self._memory is not None:
            self._memory.leave()
        transactions.forget(self)
        for connection in connections.all(initialized_only=True):
            if self._around in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._around)

    def _listeners(self) -> Iterator[tuple[Any, Callable[..., None]]]:
        yield pre_save, self._saving
        yield post_save, self._saved
        yield pre_delete, self._deleting
        yield post_delete, self._deleted
        yield m2m_changed, self._related
        if self._memory is not None:
            yield post_init, self._made

    def _waiting(self, connection: Any) -> transactions.Waiting:
        return transactions.waiting(
            connection, self, required=self._required, fsync=self._fsync, undone=self._undone
        )

    def _undone(self, waiting: transactions.Waiting) -> None:
        """What was saved is not what is stored: nobody knows any more what that is."""
        if self._memory is not None:
            for state in waiting.saved:
                self._memory.forget(state)
        waiting.saved.clear()

    @contextmanager
    def _ours(self, connection: Any) -> Iterator[None]:
        """Around our own work: a fault of it is not the application's, unless it said so."""
        try:
            yield
        except BusyError:
            raise
        except Exception as error:
            default().failed()
            if not self._required:
                return
            waiting = self._waiting(connection)
            waiting.broken = True
            if not transactions.is_open(connection):
                # No commit will be asked: it is now or never.
                try:
                    waiting.prepare()
                except BusyError as refusal:
                    waiting.clear()
                    raise refusal from error

    # --- one object

    def _made(self, sender: Any, instance: Any, **_: Any) -> None:
        try:
            if self._memory is not None and self._chosen.takes(sender):
                self._memory.keep(instance)
        except Exception:  # an object of the application's is made, whatever we make of it
            default().failed()

    def _saving(
        self, sender: Any, instance: Any, using: str, raw: bool = False, update_fields: Any = None, **_: Any
    ) -> None:
        if not self._chosen.takes(sender):
            return
        connection, state = connections[using], instance._state  # noqa: SLF001 - Django's name
        if self._required:
            # Until it is there it does not say whether it commits by itself.
            connection.ensure_connection()
        with self._ours(connection):
            self._announced.pop(state, None)
            old = self._before[state] = (
                rows.stored(sender, instance, using, raw, update_fields)
                if self._memory is None
                else self._memory.of(instance)
            )
            if self._required and not transactions.is_open(connection):
                created = state.adding and old is None
                change = self._change(sender, instance, old, update_fields, created=created)
                # A field may still make a difference of its own, such as the time of the last save.
                change = change or RowChange("update", table_of(sender), rows.identity(instance))
                self._waiting(connection).announce(change)
                self._announced[state] = change

    def _saved(
        self, sender: Any, instance: Any, using: str, created: bool, update_fields: Any = None, **_: Any
    ) -> None:
        if not self._chosen.takes(sender):
            return
        connection, state = connections[using], instance._state  # noqa: SLF001 - as above
        with self._ours(connection):
            old, announced = self._before.pop(state, None), self._announced.pop(state, None)
            change = self._change(sender, instance, old, update_fields, created=created)
            if change is None and announced is not None:
                change = announced
            if change is not None:
                change.intent = None if announced is None else announced.intent
                self._add(connection, change)
            if self._memory is not None:
                self._memory.keep(instance, update_fields)
                if transactions.is_open(connection):
                    self._waiting(connection).saved.add(state)

    def _change(
        self, model: Any, instance: Any, old: dict[str, Any] | None, update_fields: Any, *, created: bool
    ) -> RowChange | None:
        """None where nothing is changed."""
        new = self._kept(model, rows.held(instance, update_fields))
        if created:
            return RowChange("create", table_of(model), rows.identity(instance), row(None, new))
        known = {name: snapshot(value) for name, value in (old or {}).items() if name in new}
        change: Difference = between(known, snapshot(new))
        return RowChange("update", table_of(model), rows.identity(instance), change) if change else None

    def _kept(self, model: Any, held: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in held.items() if not self._chosen.leaves_out(model, name)}

    def _deleting(self, sender: Any, instance: Any, using: str, origin: Any = None, **_: Any) -> None:
        """What a query set deletes was loaded for that; one object may have been changed since it was."""
        if not self._chosen.takes(sender):
            return
        with self._ours(connections[using]):
            if self._memory is not None:
                old = self._memory.of(instance)
            else:
                old = rows.stored(sender, instance, using) if origin is instance else None
            self._before[instance._state] = old  # noqa: SLF001 - as above

    def _deleted(self, sender: Any, instance: Any, using: str, **_: Any) -> None:
        if not self._chosen.takes(sender):
            return
        connection = connections[using]
        with self._ours(connection):
            old = self._before.pop(instance._state, None) or rows.held(instance)  # noqa: SLF001 - as above
            change = row(self._kept(sender, old), None)
            self._add(connection, RowChange("delete", table_of(sender), rows.identity(instance), change))

    def _related(
        self, sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, using: str, **_: Any
    ) -> None:
        when, what = action.split("_", 1)
        if when == "pre" or not self._chosen.takes(sender):
            return
        connection = connections[using]
        with self._ours(connection):
            verb = "create" if what == "add" else "delete"
            if verb == "delete" and not sender._meta.auto_created:  # noqa: SLF001 - as above
                return  # rows of a model of their own, deleted as such
            table = table_of(sender)
            if what == "clear":
                details = {"cleared": "reverse" if reverse else "forward"}
                self._add(connection, RowChange(verb, table, str(instance.pk), details=details))
            for other in sorted(pk_set or (), key=str):
                pair = (other, instance.pk) if reverse else (instance.pk, other)
                self._add(connection, RowChange(verb, table, ",".join(map(str, pair))))

    # --- a statement

    def _connected(self, connection: Any, **_: Any) -> None:
        transactions.watch(connection)
        if self._around not in connection.execute_wrappers:
            # First of all, which is the outermost: Django's own way to end a wrapper takes the last one off.
            connection.execute_wrappers.insert(0, self._around)

    def _around(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        connection = context["connection"]
        changes: list[RowChange] = []
        made: origin.Origin | None = None
        with self._ours(connection):
            for found in rows.statements(sql, connection):
                table = self._chosen.table(found.table)
                if table is not None:
                    made = made or origin.of(sys._getframe())  # noqa: SLF001 - see origin
                    if not self._is_told(made, table, found.verb):
                        details = {"bulk": True, "statement": found.text}
                        changes.append(RowChange(found.verb, table, details=details))
            if changes and self._required and not transactions.is_open(connection):
                for change in changes:
                    self._waiting(connection).announce(change)
        try:
            result = execute(sql, params, many, context)
        except BaseException as error:
            self._refused(connection, made, changes, error)
            raise
        if changes:
            with self._ours(connection):
                for change in changes:
                    change.rows = rows.count(context["cursor"], sql, params, many)
                    self._add(connection, change)
        return result

    def _is_told(self, made: origin.Origin, table: str, verb: str) -> bool:
        """Whether a signal tells of what this statement does."""
        if made.kind == "save":
            model = type(made.instance)
            # Of rows between two others no signal tells when they are saved as such.
            return self._chosen.takes(model) and not model._meta.auto_created  # noqa: SLF001 - as above
        if made.kind == "delete":
            return verb == "delete" and self._chosen.is_told_of_deletions(table)
        return made.kind == "pairs"

    def _refused(
        self, connection: Any, made: origin.Origin | None, changes: list[RowChange], error: BaseException
    ) -> None:
        """The database refused what was announced where there is no commit."""
        if made is not None and made.kind == "save":
            announced = self._announced.pop(made.instance._state, None)  # noqa: SLF001 - as above
            changes = changes if announced is None else [*changes, announced]
        for change in changes:
            if change.intent is not None:
                self._waiting(connection).abandoned(change, error)

    def _add(self, connection: Any, change: RowChange) -> None:
        waiting = self._waiting(connection)
        if not transactions.is_open(connection):
            if self._required and change.intent is None:
                waiting.announce(change)
            waiting.alone(change)
            return
        waiting.add(change)
        if connection.in_atomic_block:
            # A test case never commits, and runs what waits for it all the same.
            connection.on_commit(functools.partial(waiting.overdue, change))


def _uid(listener: Callable[..., None]) -> str:
    return f"sealtrail.models.{listener.__name__}"
