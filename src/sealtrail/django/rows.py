"""Rows of Django's models: what is stored of one, what was loaded, what a statement did to how many."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection
from typing import Any, Final

from sealtrail.capture.audit.pending import identified, rows_of
from sealtrail.capture.audit.state import snapshot
from sealtrail.capture.audit.statement import Dml, every
from sealtrail.capture.recorder import default

_UNCHANGING: Final = frozenset({type(None), bool, int, float, str, bytes})
_REFRESH: Final = "refresh_from_db"


def held(instance: Any, only: Any = None) -> dict[str, Any]:
    """The columns that are loaded: a deferred one is left alone."""
    known = vars(instance)
    return {
        name: str(known[name]) if _is_computed(known[name]) else known[name]
        for name in _columns(instance, only)
        if name in known
    }


def stored(
    model: Any, instance: Any, using: str, raw: bool = False, only: Any = None
) -> dict[str, Any] | None:
    """The columns of an object as they are in the database, by a query; None where there is no such row."""
    key = model._meta.pk  # noqa: SLF001 - Django's name
    is_new = instance._state.adding and not raw and (key.has_default() or key.has_db_default())  # noqa: SLF001 - as above
    if instance.pk is None or is_new:
        return None
    query = model._base_manager.using(using).filter(pk=instance.pk)  # noqa: SLF001 - as above
    found: dict[str, Any] | None = query.values(*_columns(instance, only)).first()
    return found


def identity(instance: Any) -> str:
    keys = getattr(instance._meta, "pk_fields", None) or [instance._meta.pk]  # noqa: SLF001 - as above
    parts = [(key.attname, getattr(instance, key.attname)) for key in keys]
    return identified(instance._meta.db_table, parts)  # noqa: SLF001 - as above


def statements(sql: Any, connection: Any) -> list[Dml]:
    """What a statement changes, however a driver may be handed one."""
    if isinstance(sql, bytes):
        sql = sql.decode(errors="replace")
    elif not isinstance(sql, str) and hasattr(sql, "as_string"):
        sql = sql.as_string(connection.connection)
    return every(sql) if isinstance(sql, str) else []


def count(cursor: Any, sql: Any, params: Any, many: bool) -> int | Callable[[], int | None]:
    """How many rows a statement has changed. Of one with a result some drivers know once it was read."""
    if not isinstance(sql, str) or "RETURNING" not in sql.upper():
        return max(int(cursor.rowcount), 0)
    first = sql[: sql.find(")")]
    if first[:7].upper() == "INSERT " and params and not many:
        return max(len(params) // (first.count(",") + 1), 1)
    return rows_of(getattr(cursor, "cursor", cursor))


def _is_computed(value: Any) -> bool:
    """Whether it is an expression, such as `F("price") + 1`, which the database computes."""
    return hasattr(value, "resolve_expression")


def _columns(instance: Any, only: Any) -> list[str]:
    return [
        str(field.attname)
        for field in instance._meta.concrete_fields  # noqa: SLF001 - as above
        if only is None or field.name in only or field.attname in only
    ]


class Memory:
    """What objects were when they were loaded, or saved, last. Holds none of them."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        self._refreshing: dict[Any, Any] = {}

    def keep(self, instance: Any, only: Any = None) -> None:
        """As it is now, or its columns of these names. One that the database computes is not known."""
        state, values = instance._state, vars(instance)  # noqa: SLF001 - as above
        known = {} if only is None else self._known.get(state, {})
        for name in _columns(instance, only):
            value = values.get(name, values)
            if value is values or _is_computed(value):
                known.pop(name, None)
            else:
                known[name] = value if type(value) in _UNCHANGING else snapshot(value)
        self._known[state] = known

    def of(self, instance: Any) -> dict[str, Any] | None:
        known = self._known.get(instance._state)  # noqa: SLF001 - as above
        return None if known is None or instance._state.adding else dict(known)  # noqa: SLF001 - as above

    def forget(self, state: Any) -> None:
        self._known.pop(state, None)

    def follow(self, models: Collection[Any]) -> None:
        """Learn of what is loaded again, or later, of which no signal tells."""
        for model in models:
            if model in self._refreshing:
                continue
            own = vars(model).get(_REFRESH)
            self._refreshing[model] = own
            setattr(model, _REFRESH, self._refresher(getattr(model, _REFRESH)))

    def leave(self) -> None:
        while self._refreshing:
            model, own = self._refreshing.popitem()
            if own is None:
                delattr(model, _REFRESH)
            else:
                setattr(model, _REFRESH, own)

    def _refresher(self, refresh: Any) -> Any:
        @functools.wraps(refresh)
        def refresher(instance: Any, using: Any = None, fields: Any = None, **given: Any) -> None:
            refresh(instance, using, fields, **given)
            try:
                self.keep(instance, fields)
            except Exception:  # what was asked for has been loaded
                default().failed()

        return refresher
