"""What is said between the process that asks and the one that runs a statement: JSON, one message a line.

The one that runs is not trusted: what it says is decoded into these and nothing else, and bounded in length.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

FaultCode = Literal["query.sql", "query.not-select", "query.too-large", "usage.sandbox", "usage.format"]


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files are descriptors, times microseconds since 1970, `memory` bytes, `seconds` processor time."""

    statement: str
    parent: int
    rows: int
    seconds: float
    memory: int
    threads: int
    files: list[int]
    live: int
    floors: dict[str, int]
    since: int | None = None
    until: int | None = None


class Head(msgspec.Struct, frozen=True, tag="head"):
    """Columns as (name, SQL type); names are told apart. `missing` names locks that this kernel lacks."""

    columns: list[tuple[str, str]]
    missing: list[str]


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """Some rows, each as long as there are columns."""

    rows: list[list[Any]]


class End(msgspec.Struct, frozen=True, tag="end"):
    """The answer is whole; `more` where it has more rows than were asked for."""

    more: bool


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """There is no answer. `position` is where in the statement, in characters from 0, -1 where nowhere."""

    code: FaultCode
    what: str
    position: int = -1


Message = Head | Rows | End | Fault
