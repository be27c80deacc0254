"""What an SQL statement that changes rows says of itself, without the values that are written into it."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_STATEMENT: Final = 1024  # characters of a statement that are kept
_MAX_READ: Final = 16 * 1024

VERBS: Final = {
    "insert": "create",
    "replace": "create",
    "update": "update",
    "merge": "update",
    "delete": "delete",
    "truncate": "delete",
}
# Of MySQL's comments a line may begin with a #, which elsewhere begins an operator; one after ! is run.
_COMMENT: Final = re.compile(
    r"--[^\n]*|^[ \t]*#(?![>#\-=])[^\n]*|/\*(?!!).*?\*/|/\*!\d*|\*/", re.DOTALL | re.MULTILINE
)
_MAX_STATEMENTS: Final = 32
# What nearly all statements begin with: they are not looked through where they are alone.
_READING: Final = ("select", "SELECT", "savepoint", "SAVEPOINT", "release", "RELEASE", "BEGIN", "PRAGMA")
# Texts, also those of PostgreSQL between dollars, then numbers that are not part of a name or a parameter.
_LITERAL: Final = re.compile(
    r"[eExXbBnN]?'(?:[^'\\]|''|\\.)*'?|\$(\w*)\$.*?(?:\$\1\$|\Z)|(?<![\w:%$])\d[\d.]*", re.DOTALL
)
_DML: Final = re.compile(
    r"\b(insert|replace|update|merge|delete|truncate)\b(?:\s+(?:or\s+\w+|ignore|low_priority|only|into|from|table))*"
    r"""\s+((?:[\w$]+|"[^"]+"|`[^`]+`|\[[^\]]+\])(?:\s*\.\s*(?:[\w$]+|"[^"]+"|`[^`]+`|\[[^\]]+\]))*)""",
    re.IGNORECASE,
)
_QUOTES: Final = str.maketrans("", "", '"`[] ')


class Dml(NamedTuple):
    """`verb` is create, update or delete; `text` is the statement with `?` for every value."""

    verb: str
    table: str
    text: str


def dml(sql: str) -> Dml | None:
    """What a statement does to which table, the first of several; None for one that changes no rows."""
    return next(iter(every(sql)), None)


def every(sql: str) -> list[Dml]:
    """The same of each statement in a text: some drivers take several at once."""
    if sql.startswith(_READING) and ";" not in sql:
        return []
    text = _LITERAL.sub("?", _COMMENT.sub(" ", sql[:_MAX_READ]))
    found = (_one(" ".join(part.split())) for part in text.split(";", _MAX_STATEMENTS))
    return [one for one in found if one is not None]


def _one(text: str) -> Dml | None:
    first = text[:8].lower().lstrip("( ")
    if first.startswith("with"):
        match = _DML.search(text)
    elif first.startswith(tuple(VERBS)):
        match = _DML.match(text.lstrip("( "))
    else:
        return None
    if match is None:
        return None
    return Dml(VERBS[match[1].lower()], match[2].translate(_QUOTES), text[:MAX_STATEMENT])
