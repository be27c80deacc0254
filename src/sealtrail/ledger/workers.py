"""Pure work spread over processes, results in order, only a few tasks in flight at a time."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Processes that are started when first needed. `count` 1 does everything here and now.

    Processes are spawned, not forked: a fork of a program with threads may inherit a lock that nobody frees.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = count or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    def map(self, work: Callable[[T], R], tasks: Iterable[T], *, spread: bool) -> Iterator[R]:
        """Results of `work` for each task, in order. `spread` False: too little to start a process for."""
        if self._count < 2 or not spread:
            yield from map(work, tasks)
            return
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context)
        flying: deque[Future[R]] = deque()
        for task in tasks:
            flying.append(self._pool.submit(work, task))
            if len(flying) > 2 * self._count:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
