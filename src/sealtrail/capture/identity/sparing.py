"""What anybody can cause without end is told once a while, with how often it went untold."""

from __future__ import annotations

from collections.abc import Hashable
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from sealtrail.spool.locks import Lock

_MAX_KEYS: Final = 4096


class Sparing:
    """Whether to tell of something again: so many `times` in an `interval`, in seconds, for each key.

    The memory is bounded. Keys that are forgotten to make room take their counts along: the requests are all
    recorded.
    """

    def __init__(self, interval: float = 60.0, times: int = 1) -> None:
        self.interval = interval
        self.times = times
        self._lock = Lock()
        self._told: dict[Hashable, tuple[float, int]] = {}

    def due(self, key: Hashable) -> int | None:
        """How often it went untold since it was told last; None if it is not to be told now."""
        now = monotonic()
        with self._lock:
            since, count = self._told.get(key, (now, 0))
            if count and 0 <= now - since < self.interval:
                self._told[key] = (since, count + 1)
                return 0 if count < self.times else None
            self._told.pop(key, None)  # to the end: what was told longest ago is forgotten first
            if len(self._told) >= _MAX_KEYS:
                del self._told[next(iter(self._told))]
            self._told[key] = (now, 1)
        return max(0, count - self.times)


class Sparings:
    """What one recorder has told: of each thing `once` a while, and of `each` client up to a bound."""

    def __init__(self) -> None:
        self.once = Sparing()
        self.each = Sparing(times=1000)


_of: Final[WeakKeyDictionary[Any, Sparings]] = WeakKeyDictionary()


def told_by(recorder: Any) -> Sparings:
    """The memory of a recorder."""
    found = _of.get(recorder)
    return _of.setdefault(recorder, Sparings()) if found is None else found
