"""How often one may try to sign in: by name from one address, from an address, and for a name at all.

The narrow limit is what a person who mistypes meets. The wide ones stop spraying (one address, many names)
and distributed guessing (one name, many addresses); the last is high, because whoever knows a name could
otherwise lock its owner out.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from sealtrail.errors import BusyError

WINDOW_SECONDS: Final = 900.0  # in which failures are counted
MAX_BY_PAIR: Final = 5  # failures of a name from one address: OWASP's figure
MAX_BY_ADDRESS: Final = 30  # failures from one address, whatever the names
MAX_BY_NAME: Final = 100  # failures of a name, whatever the addresses
MAX_COUNTED: Final = 10_000  # keys at once; beyond it the one that failed the longest ago is forgotten

_Key = tuple[str, str]


class Attempts:
    """Failures of the last quarter of an hour. Safe between threads. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[_Key, deque[float]] = OrderedDict()  # the longest quiet first

    def begin(self, name: str, address: str) -> None:
        """Count an attempt as failed until `succeeded` says otherwise. Raises BusyError (busy.attempts).

        Counted before the password is looked at: a hundred attempts at once are a hundred, not one.
        """
        now = self._clock()
        with self._lock:
            waits = [self._wait(key, limit, now) for key, limit in _keys(name, address)]
            wait = max(waits)
            if wait > 0:
                raise BusyError(
                    "busy.attempts",
                    "too many failed attempts to sign in",
                    retry_after=wait,
                    hint="Wait, or ask whoever runs the server for a one-time link: `sealtrail person link`.",
                )
            for key, _ in _keys(name, address):
                self._failures.setdefault(key, deque()).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > MAX_COUNTED:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address, and this one attempt for the wide limits."""
        pair, *wide = (key for key, _ in _keys(name, address))
        with self._lock:
            self._failures.pop(pair, None)
            for key in wide:
                times = self._failures.get(key)
                if times:
                    times.pop()

    def _wait(self, key: _Key, limit: int, now: float) -> float:
        """Seconds until one more is allowed; 0 where it is now."""
        times = self._failures.get(key)
        if times is None:
            return 0.0
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        return times[-limit] + WINDOW_SECONDS - now if len(times) >= limit else 0.0


def _keys(name: str, address: str) -> tuple[tuple[_Key, int], tuple[_Key, int], tuple[_Key, int]]:
    return (
        ((name, address), MAX_BY_PAIR),
        (("", f"address {address}"), MAX_BY_ADDRESS),
        ((f"name {name}", ""), MAX_BY_NAME),
    )
