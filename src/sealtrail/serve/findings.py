"""What an examination finds: one sentence each, how bad it is, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

State = Literal["ok", "warn", "fail"]

ORDER: Final[tuple[State, ...]] = ("ok", "warn", "fail")


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `todo` is empty where there is nothing to do."""

    check: str
    state: State
    what: str
    todo: str = ""


def ok(check: str, what: str) -> Finding:
    return Finding(check, "ok", what)


def warn(check: str, what: str, todo: str) -> Finding:
    return Finding(check, "warn", what, todo)


def fail(check: str, what: str, todo: str) -> Finding:
    return Finding(check, "fail", what, todo)


def worst(findings: Sequence[Finding]) -> State:
    """The worst state among findings; ok where there are none."""
    return max((finding.state for finding in findings), key=ORDER.index, default="ok")


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """The JSON form: the worst state, and every finding."""
    return {"state": worst(findings), "findings": [msgspec.to_builtins(one) for one in findings]}
