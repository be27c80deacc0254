"""What a flush does to one object, by the history of its attributes. Nothing is loaded but old values."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ClauseElement, Connection, select
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from sealtrail.capture.audit.change import Change, Difference
from sealtrail.capture.audit.pending import identified
from sealtrail.capture.audit.state import snapshot

Changed = dict[str, Change]
"""By the attribute's name; a change without `old` is one whose old value is not known."""

_NOTHING: Final = object()


def loaded(mapper: Mapper[Any], state: InstanceState[Any]) -> dict[str, Any]:
    """The columns of an object that are in memory."""
    return {
        prop.key: state.dict[prop.key]
        for prop in mapper.column_attrs
        if prop.key in state.dict and not isinstance(state.dict[prop.key], ClauseElement)
    }


def identity(mapper: Mapper[Any], state: InstanceState[Any]) -> str:
    """The primary key, its columns joined by commas."""
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    parts = state.key[1] if state.key is not None else [state.dict.get(name) for name in names]
    table = str(getattr(mapper.local_table, "fullname", mapper.local_table))
    return identified(table, zip(names, parts, strict=True))


def changed(mapper: Mapper[Any], state: InstanceState[Any]) -> Changed:
    """The columns whose values the flush writes."""
    found: Changed = {}
    for prop in mapper.column_attrs:
        history = get_history(state.obj(), prop.key, PASSIVE_NO_INITIALIZE)
        if not history.added:
            continue
        new = history.added[0]
        change: Change = {"path": prop.key}
        if history.deleted:
            change["old"] = snapshot(history.deleted[0])
        change["new"] = str(new) if isinstance(new, ClauseElement) else snapshot(new)
        found[prop.key] = change
    return found


def read_old(connection: Connection, mapper: Mapper[Any], state: InstanceState[Any], found: Changed) -> None:
    """Put in the old values that are not known, as they are in the database: an object that was expired by a
    commit and then set was never loaded.
    """
    unknown = {key: mapper.columns[key] for key, change in found.items() if "old" not in change}
    if not unknown or state.key is None:
        return
    query = select(*(column.label(key) for key, column in unknown.items())).select_from(mapper.selectable)
    for column, part in zip(mapper.primary_key, state.key[1], strict=True):
        query = query.where(column == part)
    stored: Any = connection.execute(query).mappings().first() or {}
    for key in unknown:
        value = stored.get(key, _NOTHING)
        if value is not _NOTHING:
            found[key]["old"] = snapshot(value)


def difference(before: Changed, after: Changed) -> Difference:
    """Both looks at one update, before it and after it, as one.

    Before it an expression is still one, after it what other listeners have set is there as well.
    """
    merged = {**after, **before}
    for key, change in after.items():
        merged[key]["new"] = change["new"]
    return Difference(
        [
            one
            for one in merged.values()
            if "old" not in one or one["old"] != one["new"] or type(one["old"]) is not type(one["new"])
        ]
    )
