"""A function that knows the request it was made in, wherever it runs: a pool's thread, a greenlet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast

from sealtrail.capture import context

P = ParamSpec("P")
R = TypeVar("R")


def carried(function: Callable[P, R], /) -> Callable[P, R]:
    """The same function, plain or a coroutine's, in which the current request and actor are those of now.

    Threads and executors begin with an empty context: `pool.submit(sealtrail.carried(work), 1)`. It may run
    many times, in many threads at once, and after the request is over. It cannot be sent to another process.
    """
    call, actor = context.current.get(), context.acting_outside.get()

    @contextmanager
    def there() -> Iterator[None]:
        # Not `Context.run`: one context cannot be entered by two threads at a time. And no token to reset by:
        # it would raise where a coroutine is closed by another task than the one that began it.
        call_before, actor_before = context.current.get(), context.acting_outside.get()
        context.current.set(call)
        context.acting_outside.set(actor)
        try:
            yield
        finally:
            context.acting_outside.set(actor_before)
            context.current.set(call_before)

    if iscoroutinefunction(function):

        @wraps(function)
        async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
            with there():
                return await function(*args, **kwargs)

        return cast("Callable[P, R]", later)

    @wraps(function)
    def now(*args: P.args, **kwargs: P.kwargs) -> R:
        with there():
            return function(*args, **kwargs)

    return now
