"""The six verdicts, and how several become one. Pure; nowhere else are verdicts combined or counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

Verdict = Literal["pass", "fail", "no-data", "not-exercised", "needs-human", "not-applicable"]

VERDICTS: Final[tuple[Verdict, ...]] = (
    "pass",
    "fail",
    "no-data",
    "not-exercised",
    "needs-human",
    "not-applicable",
)

MEANINGS: Final[dict[Verdict, str]] = {
    "pass": "the record shows that it held in the window",
    "fail": "the record shows exceptions",
    "no-data": "there is no record to judge by, which is never a pass",
    "not-exercised": "nothing happened that it would apply to, and the count of zero is the proof",
    "needs-human": "the record cannot say; a person has to",
    "not-applicable": "it does not apply to this entity, as its settings state",
}

# The first of these that any part has is the verdict of the whole: an exception is never covered by silence,
# silence never by what went well. What was not exercised or does not apply leaves the rest to decide.
_WEIGHT: Final[tuple[Verdict, ...]] = (
    "fail",
    "no-data",
    "needs-human",
    "pass",
    "not-exercised",
    "not-applicable",
)


def combined(parts: Iterable[Verdict]) -> Verdict:
    """The verdict of a control from those of its checks; a control without checks needs a human."""
    found = set(parts)
    return next((verdict for verdict in _WEIGHT if verdict in found), "needs-human")


def judged(population: int, exceptions: int, *, empty: Verdict = "not-exercised") -> Verdict:
    """The verdict of a check that every one of a population must meet. `empty` is that of no population.

    Raises ValueError for an `empty` of pass: nothing can hold of nothing.
    """
    if empty == "pass":
        raise ValueError("an empty population is never a pass")
    if exceptions > 0:
        return "fail"
    return "pass" if population > 0 else empty


def tally(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    """How many of each, all six, in their order. There is no percentage: 90 % of controls is no grade."""
    counts = dict.fromkeys(VERDICTS, 0)
    for verdict in verdicts:
        counts[verdict] += 1
    return counts
