"""What a statement outside of a flush changes: how many rows, of which table, by which criteria."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Delete, Insert, TextClause, Update
from sqlalchemy.engine import CursorResult

from sealtrail.capture.change import Difference
from sealtrail.capture.pending import RowChange, row
from sealtrail.capture.state import snapshot
from sealtrail.capture.statement import dml

_MAX_NAMES: Final = 64
_VERBS: Final = {"insert": "create", "update": "update", "delete": "delete"}


def of_statement(clause: Any, result: CursorResult[Any], *, values: bool) -> RowChange | None:
    """None for a statement that changes no rows. Without `values` only the names of parameters are given."""
    if isinstance(clause, Insert | Update | Delete):
        return _of_clause(clause, result, values)
    if not isinstance(clause, TextClause):
        return None
    named = _parameters(result)
    made = of_text(str(clause), _rows(result, named))
    if made is not None and named and named[0]:
        made.details["parameters"] = _kept(named[0], values)
    return made


def of_text(statement: str, rows: int) -> RowChange | None:
    """A statement that was written by hand. Its values are left out: nobody can tell what they are called."""
    found = dml(statement)
    if found is None:
        return None
    details = {"raw": True, "statement": found.text}
    return RowChange(found.verb, found.table, rows=max(rows, 0), details=details)


def table_of(clause: Any) -> str:
    table = getattr(clause, "table", None)
    return str(getattr(table, "fullname", None) or table)


def rows_of_flush(clause: Any, result: CursorResult[Any]) -> list[RowChange]:
    """Rows of a table that no class is mapped to, such as one between two others, row by row."""
    verb = _VERBS[clause.__visit_name__]
    made = []
    for given in _parameters(result):
        held = dict(given)
        change = row(None, held) if verb == "create" else row(held, None)
        identity = ",".join(str(value) for value in held.values())
        made.append(RowChange(verb, table_of(clause), identity, change))
    return made


def _of_clause(clause: Insert | Update | Delete, result: CursorResult[Any], values: bool) -> RowChange:
    named = _parameters(result)
    verb = _VERBS[clause.__visit_name__]
    made = RowChange(verb, table_of(clause), rows=_rows(result, named))
    details: dict[str, Any] = {}
    criteria = None if isinstance(clause, Insert) else clause.whereclause
    first = named[0] if named else {}
    given = first
    if criteria is not None:
        asked = criteria.compile()
        details["criteria"] = str(asked)
        # What is set is compiled before what is asked for, under names that need not be those used here.
        given = dict(list(first.items())[: len(first) - len(asked.params)])
        if asked.params:
            details["parameters"] = _kept({**asked.params, **_same(asked.params, first)}, values)
    if len(named) > 1 or not values:
        details["columns"] = list(given)[:_MAX_NAMES]
    elif given:
        made.change = Difference([{"path": name, "new": snapshot(value)} for name, value in given.items()])
    if isinstance(clause, Insert) and len(named) == 1:
        made.identity = ",".join(str(part) for part in _inserted(result) if part is not None)
    made.details = details
    return made


def _parameters(result: CursorResult[Any]) -> list[dict[str, Any]]:
    context: Any = result.context
    return list(getattr(context, "compiled_parameters", None) or ())


def _same(asked: Mapping[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """Values of parameters that have a name of their own, and come with the execution."""
    return {name: first[name] for name, value in asked.items() if value is None and name in first}


def _kept(parameters: dict[str, Any], values: bool) -> Any:
    return dict(list(parameters.items())[:_MAX_NAMES]) if values else list(parameters)[:_MAX_NAMES]


def _rows(result: CursorResult[Any], named: list[dict[str, Any]]) -> int:
    return result.rowcount if result.rowcount >= 0 else len(named)


def _inserted(result: CursorResult[Any]) -> Any:
    try:
        return result.inserted_primary_key or ()
    except Exception:  # not every statement has one, and none must fail for the record's sake
        return ()
