"""What Django's models change, once it is committed: by signals for objects, by statements for the rest."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Final

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.signals import connection_created
from django.db.models.expressions import BaseExpression
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from sealtrail.capture.change import between
from sealtrail.capture.pending import Pending, RowChange, row
from sealtrail.capture.recorder import default
from sealtrail.capture.state import snapshot
from sealtrail.capture.statement import dml

# An update that finds no row is followed by an insert.
_OF_A_SAVE: Final = 2


class Models:
    """Listens for the models of `labels` (`shop.Invoice`), or for all with the word `all`."""

    def __init__(self, labels: str | Collection[str]) -> None:
        self._labels = None if labels == "all" else {label.lower() for label in labels}
        # Of each connection and table: statements still to come that belong to an object told of by a signal.
        self._told: weakref.WeakKeyDictionary[Any, Counter[str]] = weakref.WeakKeyDictionary()
        self._known: set[str] = set()
        self._before: weakref.WeakKeyDictionary[Any, dict[int, Any]] = weakref.WeakKeyDictionary()

    def listen(self) -> None:
        """Begin. A second call changes nothing."""
        for signal, listener in self._listeners():
            signal.connect(listener, dispatch_uid=f"sealtrail.models.{listener.__name__}", weak=False)
        for connection in connections.all(initialized_only=True):
            self._connected(connection=connection)

    def remove(self) -> None:
        """End it."""
        for signal, listener in self._listeners():
            signal.disconnect(dispatch_uid=f"sealtrail.models.{listener.__name__}")
        for connection in connections.all(initialized_only=True):
            if self._around in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._around)

    def _listeners(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        return (
            (pre_save, self._saving),
            (post_save, self._saved),
            (pre_delete, self._deleting),
            (post_delete, self._deleted),
            (m2m_changed, self._related),
            (connection_created, self._connected),
        )

    def _takes(self, model: Any) -> bool:
        return self._labels is None or model._meta.label_lower in self._labels  # noqa: SLF001 - Django's name

    def _expected(self, using: str) -> Counter[str]:
        return self._told.setdefault(connections[using], Counter())

    def _olds(self, using: str) -> dict[int, Any]:
        return self._before.setdefault(connections[using], {})

    # --- one object

    def _saving(self, sender: Any, instance: Any, using: str, raw: bool = False, **_: Any) -> None:
        try:
            if not self._takes(sender):
                return
            for table in _tables(sender):
                self._expected(using)[table] = _OF_A_SAVE
            if not instance._state.adding and not raw:  # noqa: SLF001 - Django's name
                names = [field.attname for field in sender._meta.concrete_fields]  # noqa: SLF001 - as above
                stored = sender._base_manager.using(using).filter(pk=instance.pk)  # noqa: SLF001 - as above
                self._olds(using)[id(instance)] = stored.values(*names).first()
        except Exception:
            default().failed()

    def _saved(
        self, sender: Any, instance: Any, using: str, created: bool, update_fields: Any = None, **_: Any
    ) -> None:
        try:
            if not self._takes(sender):
                return
            for table in _tables(sender):
                self._expected(using).pop(table, None)
            old, new = self._olds(using).pop(id(instance), None), _held(instance, update_fields)
            if created or old is None:
                self._add(using, RowChange("create", _table(sender), str(instance.pk), row(None, new)))
                return
            known = {name: snapshot(value) for name, value in old.items() if name in new}
            change = between(known, snapshot(new))
            if change:
                self._add(using, RowChange("update", _table(sender), str(instance.pk), change))
        except Exception:
            default().failed()

    def _deleting(self, sender: Any, using: str, **_: Any) -> None:
        if self._takes(sender):
            for table in _tables(sender):
                self._expected(using)[table] += 1

    def _deleted(self, sender: Any, instance: Any, using: str, **_: Any) -> None:
        try:
            if self._takes(sender):
                for table in _tables(sender):
                    self._expected(using)[table] -= 1
                held = _held(instance, None)
                self._add(using, RowChange("delete", _table(sender), str(instance.pk), row(held, None)))
        except Exception:
            default().failed()

    def _related(
        self, sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, using: str, **_: Any
    ) -> None:
        try:
            if not self._takes(sender):
                return
            when, what = action.split("_", 1)
            table = _table(sender)
            if when == "pre":
                self._expected(using)[table] = 1
                return
            self._expected(using).pop(table, None)
            verb = "create" if what == "add" else "delete"
            if what == "clear":
                details = {"cleared": "reverse" if reverse else "forward"}
                self._add(using, RowChange(verb, table, str(instance.pk), details=details))
            for other in sorted(pk_set or ()):
                pair = (other, instance.pk) if reverse else (instance.pk, other)
                self._add(using, RowChange(verb, table, ",".join(map(str, pair))))
        except Exception:
            default().failed()

    # --- a statement

    def _connected(self, connection: Any, **_: Any) -> None:
        if self._around not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._around)

    def _around(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        connection = context["connection"]
        try:
            result = execute(sql, params, many, context)
        except BaseException:
            # Whatever was expected of this connection ended here.
            self._told.pop(connection, None)
            raise
        try:
            found = dml(sql) if isinstance(sql, str) else None
            if found is not None and found.table in self._tables():
                told = self._told.get(connection, Counter())
                if told[found.table] > 0:
                    if found.verb != "delete":
                        told[found.table] -= 1
                else:
                    rows = _rows(context["cursor"], found.verb, sql, params, many)
                    details = {"statement": found.text}
                    self._add(
                        connection.alias, RowChange(found.verb, found.table, rows=rows, details=details)
                    )
        except Exception:
            default().failed()
        return result

    def _tables(self) -> set[str]:
        if not self._known and apps.models_ready:
            models = apps.get_models(include_auto_created=True)
            self._known = {_table(model) for model in models if self._takes(model)}
        return self._known

    def _add(self, using: str, change: RowChange) -> None:
        pending = Pending()
        pending.add(change)
        # Django drops it with the transaction or the savepoint it belongs to; without one it runs at once.
        transaction.on_commit(pending.committed, using=using)


def _rows(cursor: Any, verb: str, sql: str, params: Any, many: bool) -> int:
    if verb == "create" and params and not many:
        # One that returns its keys is counted only once they are read.
        columns = sql[: sql.find(")")].count(",") + 1
        return max(len(params) // columns, 1)
    return max(int(cursor.rowcount), 0)


def _table(model: Any) -> str:
    return str(model._meta.db_table)  # noqa: SLF001 - Django's name


def _tables(model: Any) -> list[str]:
    """A model's own table and those of the models it inherits from."""
    return [_table(model), *map(_table, model._meta.get_parent_list())]  # noqa: SLF001 - as above


def _held(instance: Any, only: Any) -> dict[str, Any]:
    """The columns that are loaded: a deferred one is left alone."""
    known = vars(instance)
    return {
        field.attname: str(known[field.attname])
        if isinstance(known[field.attname], BaseExpression)
        else known[field.attname]
        for field in instance._meta.concrete_fields  # noqa: SLF001 - as above
        if field.attname in known and (only is None or field.name in only or field.attname in only)
    }
