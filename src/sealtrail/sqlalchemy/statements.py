"""What a statement outside of a flush changes: how many rows, of which table, by which criteria.

A value is told of under the name of the column that it goes into or is compared with. One that goes anywhere
else, such as into a function, is left out: nobody can tell what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Delete, Insert, TextClause, Update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import CompileError
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause

from sealtrail import scrub
from sealtrail.capture.audit.change import Difference
from sealtrail.capture.audit.pending import RowChange, row, rows_of
from sealtrail.capture.audit.state import snapshot
from sealtrail.capture.audit.statement import every

_MAX_NAMES: Final = 64
_MAX_SETS: Final = 20  # sets of parameters of one statement that are told of
_VERBS: Final = {"insert": "create", "update": "update", "delete": "delete"}
_LEFT_OUT: Final = "?"
# What SQLAlchemy appends to a column's name: role_1, role_1_2 of a list, role_m0 of several rows.
_NUMBERED: Final = re.compile(r"(.+?)(?:_m?\d+)+", re.DOTALL)
_COMPARED: Final = re.compile(
    r"""([\w$]+)["`\]]?\s*(?:=|<>|!=|<=|>=|<|>|\bi?like\b|\bin\b)\s*\(?\s*:(\w+)\b(?!\s*[(:])""",
    re.IGNORECASE,
)
_INSERTED: Final = re.compile(r"\(([^()]*)\)\s*values\s*\(([^()]*)\)", re.IGNORECASE)


def of_statement(clause: Any, result: CursorResult[Any], *, values: bool) -> list[RowChange]:
    """Nothing of one that changes no rows. Without `values` only the names of parameters are given."""
    if isinstance(clause, Insert | Update | Delete):
        return [_of_clause(clause, result, values)]
    if not isinstance(clause, TextClause):
        return []
    named = _parameters(result)
    written = str(clause)
    made = of_text(written, _rows(result, named, written))
    if len(made) == 1 and named and named[0]:
        made[0].details.update(_told(named, _written(written).get, values))
    return made


def of_text(statement: str, rows: int | Callable[[], int | None]) -> list[RowChange]:
    """Statements that were written by hand, without their values: nobody can tell what they are called."""
    found = every(statement)
    if len(found) > 1 or (isinstance(rows, int) and rows < 0):
        rows = _uncounted  # of several at once a driver counts one, and some count none
    return [
        RowChange(one.verb, one.table, rows=rows, details={"raw": True, "statement": one.text})
        for one in found
    ]


def announced(clause: Any) -> list[RowChange]:
    """What a statement is about to do, before it is known to how many rows."""
    is_raw = isinstance(clause, str | TextClause)
    if not is_raw and not getattr(clause, "is_dml", False):
        return []
    try:
        found = every(str(clause))
    except CompileError:  # without its dialect not every statement can be written out
        found = []
    if is_raw:
        return [RowChange(one.verb, one.table, details=_announcement(one.text)) for one in found]
    text = found[0].text if found else ""
    return [RowChange(_VERBS[clause.__visit_name__], table_of(clause), details=_announcement(text))]


def _announcement(text: str) -> dict[str, Any]:
    return {"bulk": True, "statement": text}


def table_of(clause: Any, result: CursorResult[Any] | None = None) -> str:
    return _named(_table(clause, result))


def _table(clause: Any, result: CursorResult[Any] | None) -> Any:
    """The one that is written to: a class that inherits has several."""
    compiled: Any = getattr(getattr(result, "context", None), "compiled", None)
    table = getattr(getattr(compiled, "compile_state", None), "dml_table", None)
    return getattr(clause, "table", None) if table is None else table


def _named(table: Any) -> str:
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
    returning = "returning" if clause._returning else ""  # noqa: SLF001 - nothing public tells
    verb = _VERBS[clause.__visit_name__]
    table = _table(clause, result)
    made = RowChange(verb, _named(table), rows=_rows(result, named, returning))
    columns = _Columns(clause, table)
    details: dict[str, Any] = {}
    asked: Mapping[str, Any] = {}
    criteria = None if isinstance(clause, Insert) else clause.whereclause
    if criteria is not None:
        compiled = criteria.compile()
        asked = compiled.params
        details["criteria"] = str(compiled)
        if asked:
            sets = [{**asked, **_same(asked, one)} for one in named or [{}]]
            details.update(_told(sets, columns.of, values))
    written = _set(clause, named[0] if named else {}, asked, columns)
    if len(named) > 1 or not values or bool(getattr(clause, "_multi_values", None)):
        details["columns"] = list(written)[:_MAX_NAMES]
    elif written:
        made.change = Difference([{"path": name, "new": value} for name, value in written.items()])
    if isinstance(clause, Insert) and len(named) == 1:
        made.identity = ",".join(str(part) for part in _inserted(result) if part is not None)
    made.details = details
    return made


def _set(
    clause: Any, given: Mapping[str, Any], asked: Mapping[str, Any], columns: _Columns
) -> dict[str, Any]:
    """What is written into which column. An expression is given as its text."""
    written: dict[str, Any] = {}
    for column, value in (getattr(clause, "_values", None) or {}).items():
        name = getattr(column, "key", str(column))
        if isinstance(value, BindParameter):
            written[name] = snapshot(given.get(value.key, given.get(name, value.value)))
        else:
            written[name] = str(value)
    for rows in getattr(clause, "_multi_values", None) or ():
        written.update(dict.fromkeys((getattr(name, "key", str(name)) for name in rows[0]), _LEFT_OUT))
    if isinstance(clause, Insert) and clause.select is not None:
        return dict.fromkeys(map(str, clause._select_names or ()), _LEFT_OUT)  # noqa: SLF001 - as above
    for name, value in given.items():
        if name not in asked and name in columns.names:
            written.setdefault(name, snapshot(value))
    return dict(sorted(written.items(), key=lambda one: columns.names.get(one[0], len(columns.names))))


class _Columns:
    """To which column of a statement's table the value of a parameter belongs."""

    def __init__(self, clause: Any, table: Any) -> None:
        self.names = {str(column.key): place for place, column in enumerate(table.c)}
        self._table = f"{getattr(table, 'name', '')}_"
        self._compared = dict(_compared(getattr(clause, "whereclause", None)))

    def of(self, parameter: str) -> str | None:
        if parameter in self._compared:
            return self._compared[parameter]
        numbered = _NUMBERED.fullmatch(parameter)
        name = parameter if numbered is None or parameter in self.names else numbered[1]
        if name not in self.names:
            name = name.removeprefix(self._table)
        return name if name in self.names else None


def _compared(criteria: Any) -> Iterator[tuple[str, str]]:
    """Parameters with names of the application's own, and the columns that they are compared with."""
    for part in visitors.iterate(criteria) if criteria is not None else ():
        if isinstance(part, BinaryExpression):
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, ColumnClause) and isinstance(other, BindParameter):
                    yield str(other.key), str(one.key)


def _written(statement: str) -> dict[str, str]:
    """The same of a statement that was written by hand, as far as it says so."""
    found = {name: column for column, name in _COMPARED.findall(statement)}
    for columns, given in _INSERTED.findall(statement):
        pairs = zip(columns.split(","), given.split(","), strict=False)
        found.update(
            {value.strip()[1:]: name.strip(' "`[]\n\t') for name, value in pairs if value.strip()[:1] == ":"}
        )
    return found


def _told(sets: list[dict[str, Any]], column_of: Callable[[str], str | None], values: bool) -> dict[str, Any]:
    if not values:
        return {"parameters": list(sets[0])[:_MAX_NAMES]}
    kept = [
        {name: _value(column_of(name), value) for name, value in list(one.items())[:_MAX_NAMES]}
        for one in sets[:_MAX_SETS]
    ]
    if len(sets) == 1:
        return {"parameters": kept[0]}
    return {"executions": len(sets), "parameters": kept}


def _value(column: str | None, value: Any) -> Any:
    return _LEFT_OUT if column is None or scrub.secret_name(column) else value


def _parameters(result: CursorResult[Any]) -> list[dict[str, Any]]:
    context: Any = result.context
    return list(getattr(context, "compiled_parameters", None) or ())


def _same(asked: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of parameters that have a name of their own, and come with the execution."""
    return {name: given[name] for name, value in asked.items() if value is None and name in given}


def _rows(
    result: CursorResult[Any], named: list[dict[str, Any]], statement: str
) -> int | Callable[[], int | None]:
    """Of a statement with a result some drivers know the number once that was read."""
    if result.rowcount > 0 or "returning" not in statement.lower():
        return result.rowcount if result.rowcount >= 0 else len(named)
    if len(named) > 1:
        return len(named)
    context: Any = result.context
    return rows_of(context.cursor)


def _uncounted() -> None:
    return None


def _inserted(result: CursorResult[Any]) -> Any:
    try:
        return result.inserted_primary_key or ()
    except Exception:  # not every statement has one, and none must fail for the record's sake
        return ()
