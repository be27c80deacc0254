"""Acts that enclose code: a decorator and a context manager. Both record the failure and let it through.

With `required` an act is recorded twice: before anything happens, as what is about to happen, and at its end.
Only the first can keep it from happening, so only the first raises. What is begun and has no end on record
was cut short, or its end met a full disk: either way the first record says that it may have happened.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

from sealtrail.capture.audit.acts import intend, record
from sealtrail.capture.audit.change import between
from sealtrail.capture.audit.state import snapshot

# What code raises. Anything else, such as a task's cancellation, came from outside and cut it short.
_FAULTS: Final = (Exception, SystemExit, KeyboardInterrupt)
_CANCELLED: Final = "cancelled"

P = ParamSpec("P")
R = TypeVar("R")

Target = Callable[..., Any] | tuple[Any, ...] | None


def audited(
    action: str,
    *,
    target: Target = None,
    reason: Any = "",
    ticket: Any = "",
    required: bool = False,
    fsync: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function, plain or async: success when it returns, failure when it raises.

    A call that is cancelled has an unknown outcome; a generator's lasts until it is exhausted or closed.

    `target` is a tuple, or a callable that is given the call's arguments, before the call, and returns one.
    With `required` a first record is written before the function runs; where that fails the function does
    not run, and BusyError is raised. The record of the end never raises.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        def act(args: tuple[Any, ...], kwargs: dict[str, Any]) -> auditing:
            return auditing(
                action,
                target=_target(target, args, kwargs),
                reason=reason,
                ticket=ticket,
                required=required,
                fsync=fsync,
            )

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
                with act(args, kwargs):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", later)

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def each(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, Any]:
                with act(args, kwargs):
                    return (yield from function(*args, **kwargs))

            return cast("Callable[P, R]", each)

        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def each_later(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, Any]:
                with act(args, kwargs):
                    parts = function(*args, **kwargs)
                    following = parts.__anext__()
                    while True:
                        try:
                            part = await following
                        except StopAsyncIteration:
                            return
                        # As `yield from` does: what is sent or thrown in is the generator's to answer. A
                        # dependency rolls back because of what was thrown.
                        try:
                            following = parts.asend((yield part))
                        except GeneratorExit:
                            await parts.aclose()
                            raise
                        except BaseException as error:
                            following = parts.athrow(error)

            return cast("Callable[P, R]", each_later)

        @functools.wraps(function)
        def now(*args: P.args, **kwargs: P.kwargs) -> R:
            with act(args, kwargs):
                return function(*args, **kwargs)

        return now

    return decorate


def _target(target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not callable(target):
        return target
    try:
        return target(*args, **kwargs)
    except Exception:  # the caller's own code, run only for the record
        return ("unknown", "")


class auditing:  # noqa: N801 - reads as a verb where it is used
    """Record what happens in a `with` or `async with` block.

    `before` and `after` are states whose difference is the change: mappings, lists, or objects such as models
    and dataclasses. A state is copied when it is set, so it may be the same object twice; `watch` is an
    object whose states at the beginning and at the end are meant. `target`, `outcome`, `reason`, `ticket`,
    `details`, `tenant` and `effective_id` (who is impersonated) may be set inside. An exception makes it a
    failure, and goes on; a cancellation makes its outcome unknown, for the reason `cancelled`. With
    `required` a first record is written before the block is entered; where that fails the block is not run,
    and BusyError is raised. The record of the end never raises: `recorded` says whether it is in the spool
    (with `fsync`: on the disk), None until then.
    """

    def __init__(
        self,
        action: str,
        *,
        target: tuple[Any, ...] | None = None,
        reason: Any = "",
        ticket: Any = "",
        details: Any = None,
        tenant: Any = "",
        effective_id: Any = "",
        watch: Any = None,
        required: bool = False,
        fsync: bool = False,
    ) -> None:
        self.action = action
        self.target = target
        self.reason = reason
        self.ticket = ticket
        self.details = details
        self.tenant = tenant
        self.effective_id = effective_id
        self.watch = watch
        self._before: Any = None
        self._was: Any = None
        self._after: Any = None
        self._is: Any = None
        self.outcome = "success"
        self.recorded: bool | None = None
        self._required = required
        self._fsync = fsync
        self._intent: str | None = None

    @property
    def before(self) -> Any:
        return self._before

    @before.setter
    def before(self, state: Any) -> None:
        self._before = state
        self._was = snapshot(state)

    @property
    def after(self) -> Any:
        return self._after

    @after.setter
    def after(self, state: Any) -> None:
        self._after = state
        self._is = snapshot(state)

    def __enter__(self) -> Self:
        if self.watch is not None:
            self.before = self.watch
        if self._required:
            self._intent = intend(self.action, fsync=self._fsync, **self._known())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    def end(self, error: BaseException | None) -> None:
        """Record how it ended. Never raises."""
        known = self._known()
        outcome = self.outcome if error is None else "failure"
        if error is not None and not isinstance(error, _FAULTS):
            # Nobody knows how much of it has happened.
            outcome = "unknown"
            known["reason"] = known["reason"] or _CANCELLED
        self.recorded = bool(
            record(
                self.action,
                outcome=outcome,
                change=self._change(),
                error=error,
                required=self._required,
                fsync=self._fsync,
                intent=self._intent,
                **known,
            )
        )

    def _change(self) -> Any:
        if self._after is None and self.watch is not None:
            self.after = self.watch
        if self._before is None and self._after is None:
            return None
        # One that was empty when it was set is filled in afterwards.
        was = self._was or snapshot(self._before)
        now = snapshot(self._after)
        if isinstance(now, dict) and isinstance(self._is, dict) and not isinstance(self._after, dict):
            # A model forgets at a commit what it would load again.
            now = {**self._is, **now}
        return between(was, now)

    def _known(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "reason": self.reason,
            "ticket": self.ticket,
            "details": self.details,
            "tenant": self.tenant,
            "effective_id": self.effective_id,
        }
