"""Tree to a DuckDB condition. What a user wrote is only ever a bound parameter; names come from our tables.

NULL means "does not hold", as a missing field does: `not` therefore looks at `coalesce(condition, false)`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from sealtrail.event.trails import SUFFIX
from sealtrail.store.query import meaning, words
from sealtrail.store.query.meaning import SEARCHED, TYPES, candidates
from sealtrail.store.query.nodes import All, And, Node, Not, Or

REST: Final = "rest"
REST_TEXT: Final = "rest_text"

_NUMERIC: Final = "('UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE')"
_SIMPLE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def key_column(name: str) -> str:
    """The column that holds an ip field as 16 bytes."""
    return f"{name}:key"


def quoted(column: str) -> str:
    """A column of ours as an SQL identifier."""
    return f'"{column}"'


def where(
    node: Node, *, present: Collection[str] | None = None, now: int | None = None
) -> tuple[str, list[Any]]:
    """(condition, parameters). `present` names the columns that hold anything: others are not searched."""
    parameters: list[Any] = []
    return _node(node, present, now, parameters), parameters


def elements(path: str, parameters: list[Any]) -> str:
    """An expression of type JSON[]: what stands at a path in `rest`, a list's items one by one."""
    found = []
    for keys in candidates(path):
        parameters.append("".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys))
        found.append(f"nullif(json_extract({REST}, ?), 'null')")
    # The wrapping in lists keeps the value written, and its parameters bound, once.
    return (
        f"flatten(list_transform(list_filter([coalesce({', '.join(found)}, NULL)], lambda v: v IS NOT NULL), "
        "lambda v: CASE WHEN json_type(v) = 'ARRAY' THEN CAST(v AS JSON[]) ELSE [v] END))"
    )


def _node(node: Node, present: Collection[str] | None, now: int | None, into: list[Any]) -> str:
    if isinstance(node, All):
        return "true"
    if isinstance(node, Not):
        return f"NOT coalesce({_node(node.node, present, now, into)}, false)"
    if isinstance(node, And | Or):
        joint = " AND " if isinstance(node, And) else " OR "
        return "(" + joint.join(_node(inner, present, now, into) for inner in node.nodes) + ")"
    return _test(meaning.meaning_of(node, now), present, into)


def _test(test: meaning.Test, present: Collection[str] | None, into: list[Any]) -> str:
    match test:
        case meaning.Never():
            return "false"
        case meaning.Anywhere(parts):
            return _anywhere(parts, present, into)
        case meaning.Equal(column, value):
            into.append(value)
            if TYPES[column] == "keywords":
                return f"list_contains({quoted(column)}, ?)"
            return f"{quoted(column)} = ?"
        case meaning.Named(column, base):
            into.append(f"{base}({SUFFIX})?")
            return f"regexp_full_match({quoted(column)}, ?)"
        case meaning.Alike(column, parts):
            if TYPES[column] == "keywords":
                return f"len(list_filter({quoted(column)}, lambda e: {_like('e', parts, into)})) > 0"
            return _like(quoted(column), parts, into)
        case meaning.Within(column, low, high):
            return _bounds(quoted(column), ((">=", low), ("<", high)), into)
        case meaning.Inside(column, low, high):
            return _bounds(quoted(key_column(column)), ((">=", low), ("<=", high)), into)
        case meaning.Ordered(column, operator, value):
            into.append(value)
            return f"{quoted(column)} {operator} ?"
        case meaning.Phrase(column, phrase):
            into.append(words.phrase_regex(phrase))
            return f"regexp_matches(lower({quoted(column)}), ?)"
        case meaning.Containing(column, parts):
            return _like(f"lower({quoted(column)})", ("", *parts, ""), into)
        case meaning.Present(column):
            if TYPES[column] == "keywords":
                return f"len({quoted(column)}) > 0"
            return f"{quoted(column)} IS NOT NULL"
        case meaning.Loose():
            return _loose(test, into)


def _anywhere(parts: words.Pattern, present: Collection[str] | None, into: list[Any]) -> str:
    found = []
    for column in (*SEARCHED, REST_TEXT):
        if present is not None and column not in present:
            continue
        text = quoted(column)
        if TYPES.get(column) == "keywords":
            text = f"array_to_string({text}, chr(10))"
        found.append(_like(f"lower({text})", ("", *parts, ""), into))
    return f"({' OR '.join(found)})" if found else "false"


def _like(text: str, parts: words.Pattern, into: list[Any]) -> str:
    """`text` is `parts` with anything between them; the plain forms have faster functions."""
    gaps = [part for part in parts if part]
    if len(gaps) == 1 and len(parts) - len(gaps) == len(parts) - 1 and len(parts) <= 3:
        function = "starts_with" if parts[0] else "ends_with" if parts[-1] else "contains"
        into.append(gaps[0])
        return f"{function}({text}, ?)"
    into.append(words.like_pattern(parts))
    return f"{text} LIKE ? ESCAPE '\\'"


def _bounds(column: str, bounds: tuple[tuple[str, Any], ...], into: list[Any]) -> str:
    told = []
    for operator, bound in bounds:
        if bound is not None:
            into.append(bound)
            told.append(f"{column} {operator} ?")
    return f"({' AND '.join(told)})" if told else f"{column} IS NOT NULL"


def _loose(test: meaning.Loose, into: list[Any]) -> str:
    guard = f"{REST} IS NOT NULL"
    last = test.path.rpartition(".")[2]
    if _SIMPLE_KEY.fullmatch(last):
        # Such a key is written in the JSON as it is: most rows are passed over without being parsed.
        into.append(f'{last}"')
        guard += f" AND contains({REST}, ?)"
    items = elements(test.path, into)
    return f"({guard} AND len(list_filter({items}, lambda e: {_item(test, into)})) > 0)"


def _item(test: meaning.Loose, into: list[Any]) -> str:
    if test.any:
        return "e IS NOT NULL"
    string, number = "json_extract_string(e, '$')", "TRY_CAST(e AS DOUBLE)"
    if test.parts is not None:
        return f"(json_type(e) = 'VARCHAR' AND {_like(string, test.parts, into)})"
    operator = test.operator or "="
    told = []
    if test.text is not None:
        into.append(test.text)
        told.append(f"(json_type(e) = 'VARCHAR' AND {string} {operator} ?)")
    if test.number is not None:
        into.append(test.number)
        told.append(f"(json_type(e) IN {_NUMERIC} AND {number} {operator} ?)")
    if test.operator is None and test.text in ("true", "false"):
        into.append(test.text)
        told.append(f"(json_type(e) = 'BOOLEAN' AND {string} = ?)")
    return f"({' OR '.join(told)})"
