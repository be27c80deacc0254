"""What a rule is once it is compiled: the nouns that matching, counting and replay share. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from sealtrail.detect.tree import Node, fields_of
from sealtrail.errors import RuleError

Level = Literal["informational", "low", "medium", "high", "critical"]
Operator = Literal["gt", "gte", "lt", "lte", "eq", "neq"]

LEVELS: Final[dict[str, Level]] = {
    "informational": "informational",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}

OUTBOUND: Final = "outbound"  # the kind of event, and the logsource's service, of what an application calls
SECOND: Final = 1_000_000  # all times within this room are whole microseconds
MAX_TIMESPAN: Final = 31 * 86_400 * SECOND  # state and warm-up grow with it
MAX_THRESHOLD: Final = 100_000  # state per key grows with it
DEFAULT_SUPPRESS: Final = (
    60 * SECOND
)  # of rules without a window: a scanner must not become a flood of alerts

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_746}
_SPAN: Final = re.compile(r"([0-9]{1,9})([smhdwM])", re.ASCII)


class Head(msgspec.Struct, frozen=True):
    """What every rule says about itself."""

    id: str
    title: str
    name: str
    level: Level
    description: str
    tags: tuple[str, ...]
    file: str
    line: int


class Suppress(msgspec.Struct, frozen=True):
    """One alert for a key in each stretch of `span` microseconds. `by`: fields that make the key."""

    span: int
    by: tuple[str, ...] = ()


class Respond(msgspec.Struct, frozen=True):
    """Block the address in the field `block`, for `seconds` (0: as the settings say)."""

    block: str
    seconds: int = 0


class Rule(msgspec.Struct, frozen=True):
    """A condition on one event. `output` is false for the parts of correlations.

    With `outbound` it is asked of the calls that an application makes, and of nothing else.
    """

    head: Head
    condition: Node
    requests_only: bool
    output: bool = True
    suppress: Suppress = Suppress(0)
    respond: Respond | None = None
    tests: tuple[Any, ...] = ()
    outbound: bool = False


class Correlation(msgspec.Struct, frozen=True):
    """A count of events, or of distinct values of `values`, within `timespan` of event time for one key.

    `group_by` holds, for each part of the key, the field of each base rule (by its id).
    """

    head: Head
    distinct: bool
    rules: tuple[str, ...]
    keys: tuple[str, ...]
    group_by: tuple[dict[str, str], ...]
    timespan: int
    bounds: tuple[tuple[Operator, int | float], ...]
    values: tuple[str, ...] = ()
    suppress: Suppress = Suppress(0)
    respond: Respond | None = None
    tests: tuple[Any, ...] = ()


class Ruleset(msgspec.Struct, frozen=True):
    """All rules that run, by id, and all that do not."""

    rules: tuple[Rule, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    refused: tuple[RuleError, ...] = ()

    @property
    def heads(self) -> tuple[Head, ...]:
        """Of everything that can raise an alert."""
        alone = [rule.head for rule in self.rules if rule.output]
        return (*alone, *(correlation.head for correlation in self.correlations))

    @property
    def fields(self) -> frozenset[str]:
        """Every field some rule looks at."""
        names: set[str] = set()
        for rule in self.rules:
            names |= fields_of(rule.condition)
        for correlation in self.correlations:
            names.update(field for part in correlation.group_by for field in part.values())
            names.update(correlation.values)
        return frozenset(names)


def span(text: Any) -> int:
    """A time span such as 90s, 15m, 2h, 1d in microseconds. Raises ValueError."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f"`{text}` is not a time span such as 30s, 15m, 2h or 1d")
    value = int(match[1]) * _UNITS[match[2]] * SECOND
    if value > MAX_TIMESPAN:
        raise ValueError(f"`{text}` is longer than 31 days")
    return value


def holds(op: Operator, count: float, number: float) -> bool:
    """Whether a count meets one comparison. Python compares int and float exactly."""
    match op:
        case "gt":
            return count > number
        case "gte":
            return count >= number
        case "lt":
            return count < number
        case "lte":
            return count <= number
        case "eq":
            return count == number
        case "neq":
            return count != number
