"""How long something takes, as counts between fixed bounds: watching costs a few additions."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

# Seconds. A quiet disk syncs in about a millisecond, a busy one in ten, a failing one in seconds.
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Spread:
    """Observed by one thread, read by any: a reader may see a moment's work half counted, and no more."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.bounds = bounds
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one; a bound belongs to what is below it."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def upto(self) -> list[tuple[float, int]]:
        """(bound in seconds, how many took at most that), growing; the last bound is infinite."""
        found, count = [], 0
        for bound, more in zip((*self.bounds, float("inf")), list(self._counts), strict=True):
            count += more
            found.append((bound, count))
        return found
