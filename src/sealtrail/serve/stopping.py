"""SIGINT and SIGTERM, noted from the first line of a server to its last.

The default for both is to die on the spot, and a library that listens for them gives the default back when it
has ended its own part: whoever sends the signal twice would kill the collector while it signs what it has
accepted. So one object has them for the whole time, and only notes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A context manager, for the main thread. `asked` is true once one of the signals came.

    `then` is called within the handler, between any two steps of the main thread: it may assign, and must not
    take a lock. While `starting`, nothing has been accepted and a start may take long: the second signal ends
    the process on the spot. `last` says that the process ends with the block: what comes after it is ignored,
    so that an exit code that is decided stays what it is.
    """

    def __init__(self, *, last: bool = False) -> None:
        self.asked = False
        self.starting = True
        self.then: Callable[[], None] = _nothing
        self._last = last
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._last else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a handler
        if self.asked and self.starting:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.asked = True
        self.then()


def _nothing() -> None:
    pass
