"""What anybody can cause without end is told once a while, with how often it went untold."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from time import monotonic
from typing import Final

_MAX_KEYS: Final = 4096


class Sparing:
    """Whether to tell of something again. `interval` is in seconds, for each key; the memory is bounded.

    Keys that are forgotten to make room take their counts along: the requests themselves are all recorded.
    """

    def __init__(self, interval: float = 60.0) -> None:
        self.interval = interval
        self._lock = threading.Lock()
        self._told: dict[Hashable, tuple[float, int]] = {}

    def due(self, key: Hashable) -> int | None:
        """How often it went untold since it was told last; None if it is not to be told now."""
        now = monotonic()
        with self._lock:
            last, untold = self._told.get(key, (None, 0))
            if last is not None and 0 <= now - last < self.interval:
                self._told[key] = (last, untold + 1)
                return None
            self._told.pop(key, None)  # to the end: what was told longest ago is forgotten first
            if len(self._told) >= _MAX_KEYS:
                del self._told[next(iter(self._told))]
            self._told[key] = (now, 0)
        return untold
