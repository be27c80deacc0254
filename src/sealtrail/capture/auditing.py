"""Acts that enclose code: a decorator and a context manager. Both record the failure and let it through."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from sealtrail.capture.acts import audit
from sealtrail.capture.change import difference
from sealtrail.capture.marks import Marks

P = ParamSpec("P")
R = TypeVar("R")

Target = Callable[..., Any] | tuple[Any, ...] | None


def audited(
    action: str, *, target: Target = None, reason: Any = "", required: bool = False, fsync: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function, plain or async: success when it returns, failure when it raises.

    `target` is a tuple, or a callable that is given the call's arguments and returns one. With `required`
    a call whose record could not be written raises BusyError after the function returned.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        def record(args: tuple[Any, ...], kwargs: dict[str, Any], error: BaseException | None) -> None:
            audit(
                action,
                target=_target(target, args, kwargs),
                outcome="success" if error is None else "failure",
                reason=reason,
                error=error,
                required=required and error is None,
                fsync=fsync,
            )

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    record(args, kwargs, error)
                    raise
                record(args, kwargs, None)
                return result

            return cast("Callable[P, R]", later)

        @functools.wraps(function)
        def now(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                record(args, kwargs, error)
                raise
            record(args, kwargs, None)
            return result

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
    """Record what happens in a `with` block; `before` and `after` are states whose difference is the change.

    `outcome` and `reason` may be set inside. An exception makes it a failure, and goes on.
    """

    def __init__(
        self,
        action: str,
        *,
        target: tuple[Any, ...] | None = None,
        reason: Any = "",
        ticket: Any = "",
        details: Any = None,
        required: bool = False,
        fsync: bool = False,
    ) -> None:
        self.action = action
        self.target = target
        self.reason = reason
        self.ticket = ticket
        self.details = details
        self.before: Any = None
        self.after: Any = None
        self.outcome = "success"
        self._required = required
        self._fsync = fsync

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        marks = Marks()
        change = None
        if self.before is not None or self.after is not None:
            change = difference(self.before, self.after, marks)
        audit(
            self.action,
            target=self.target,
            outcome="failure" if error is not None else self.outcome,
            change=change,
            reason=self.reason,
            ticket=self.ticket,
            details=self.details,
            error=error,
            required=self._required and error is None,
            fsync=self._fsync,
            _marks=marks,
        )
