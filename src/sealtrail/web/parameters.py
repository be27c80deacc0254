"""What a route takes besides its body, declared in the table: checked, documented and read from one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from starlette.requests import Request

from sealtrail.errors import QueryError


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a query string or of a path. A number lies between `least` and `most`."""

    name: str
    about: str
    default: str | int = ""
    where: Literal["query", "path"] = "query"
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        return isinstance(self.default, int)


QUERY: Final = Parameter("q", "A query; * is everything.", "*")
SINCE: Final = Parameter("since", "From then on: 2h, today, 2026-11-24T08:00:00Z.")
UNTIL: Final = Parameter("until", "Up to then, not included.")

FORM: Final = Parameter(
    "form", "fields, or raw: the exact text that is hashed.", "fields", choices=("fields", "raw")
)


def read(request: Request, parameters: Sequence[Parameter]) -> dict[str, str | int]:
    """Every declared parameter of the query string. Raises QueryError for one that is unknown or cannot be.

    An unknown one is a misspelling: `untill=today` must not answer for all time.
    """
    declared = {one.name: one for one in parameters if one.where == "query"}
    given = request.query_params
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise QueryError(
                "query.parameter", f"there is no parameter {name[:60]!r}", hint=f"There are: {known}."
            )
        if len(given.getlist(name)) > 1:
            raise QueryError("query.parameter", f"the parameter {name} is given more than once")
    return {name: _value(one, given.get(name)) for name, one in declared.items()}


def _value(parameter: Parameter, text: str | None) -> str | int:
    if text is None:
        return parameter.default
    name = parameter.name
    if parameter.is_number:
        # Its length first: int() has a limit of its own, and another error for it.
        plain = len(text) < 17 and text.isascii() and text.isdigit()
        if not plain or not parameter.least <= int(text) <= parameter.most:
            raise QueryError(
                "query.parameter", f"{name} must be a number from {parameter.least} to {parameter.most}"
            )
        return int(text)
    if parameter.choices and text not in parameter.choices:
        raise QueryError("query.parameter", f"{name} must be one of {', '.join(parameter.choices)}")
    return text


def text(request: Request, name: str) -> str:
    """A parameter that was read, as text."""
    return str(request.state.given[name])


def number(request: Request, name: str) -> int:
    """A parameter that was read, as a number."""
    return int(request.state.given[name])
