"""Questions run in threads, a few at a time: a slow one must not take the thread that an event waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool

_T = TypeVar("_T")

QUERIES_AT_ONCE: Final = 8
"""Of about 40 threads: the index uses few processors anyway, and intake needs the rest."""


class Threads:
    """Of one application: it belongs to the loop that first waits for it."""

    def __init__(self, at_once: int = QUERIES_AT_ONCE) -> None:
        self._turn = asyncio.Semaphore(at_once)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do it in a thread, when it is its turn."""
        async with self._turn:
            return await run_in_threadpool(work)
