"""What happens again and again: recorded when it begins, then counted, with one event for a window's count.

So whoever asks every second, or knocks a thousand times a second, is two events a window.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from sealtrail.errors import SealtrailError
from sealtrail.event import Fields, Receipt
from sealtrail.follow.worker import Worker

_log = logging.getLogger("sealtrail.repeats")

LOOK_SECONDS: Final = 1.0  # between two looks for windows that are over
MAX_OPEN: Final = 10_000  # things within their window; beyond it the oldest are recorded at once

T = TypeVar("T", bound=Hashable)


class Repeats(Worker, Generic[T]):
    """Things that repeat; equal ones are counted together. `note` may be called from any thread.

    `record` is the pipeline's; `event(thing, count, repeated)` makes the first event of a window, and the
    last, which says how often it was repeated. `window` is in seconds.
    """

    def __init__(
        self,
        name: str,
        record: Callable[[Fields], Future[Receipt]],
        event: Callable[[T, int, bool], Fields],
        window: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name)
        self._what = name
        self._record = record
        self._event = event
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._since: OrderedDict[T, float] = OrderedDict()  # things within their window, the oldest first
        self._untold: Counter[T] = Counter()  # repetitions that no event speaks of yet

    def note(self, thing: T) -> Future[Receipt] | None:
        """A future that resolves when it is durable; None where it is only counted, or cannot be.

        Nothing is refused because the writer is behind: an attack that fills the queue must not blind who
        looks into it. What could not be recorded is counted, and recorded when there is room.
        """
        with self._lock:
            if thing in self._since:
                self._untold[thing] += 1
                return None
            self._since[thing] = self._clock()
            while len(self._since) > MAX_OPEN:
                self._tell(self._since.popitem(last=False)[0])
            try:
                return self._record(self._event(thing, 1, False))
            except SealtrailError as error:
                _log.warning("one of the %s is recorded later: %s", self._what, error.what)
                self._untold[thing] += 1
                return None

    def flush(self, before: float = float("inf")) -> None:
        """End the windows that began before a moment, and record what was repeated in them."""
        with self._lock:
            while self._since and next(iter(self._since.values())) <= before:
                thing, since = self._since.popitem(last=False)
                if not self._tell(thing):
                    self._since[thing] = since
                    self._since.move_to_end(thing, last=False)
                    break

    def _tell(self, thing: T) -> bool:
        """Record how often it was repeated; False where the writer does not take it now."""
        count = self._untold[thing]
        try:
            if count:
                self._record(self._event(thing, count, True))
        except SealtrailError as error:
            _log.warning("some of the %s cannot be recorded: %s", self._what, error.what)
            return False
        del self._untold[thing]
        return True

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.flush(self._clock() - self._window)
        self.flush()
