"""A part of the collector that has one thread of its own, from `start` to `stop`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Worker(ABC):
    """`_run` is the thread: it ends soon after `_stopping` is set, and waits on nothing else for long."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sealtrail-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait until it has. Safe to call twice, and before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...
