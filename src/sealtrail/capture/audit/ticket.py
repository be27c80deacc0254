"""Which ticket orders what is done: said once, it is on every act until it is unsaid."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Self

from sealtrail.capture.context import Call, current

# Of what runs outside of a request. One of a request is kept with it: a thread serves many.
_outside: Final[ContextVar[Any]] = ContextVar("sealtrail_ticket", default="")


def ordered_by(call: Call | None) -> Any:
    """The ticket that orders what happens now, in this request or outside of one; empty without one."""
    return _outside.get() if call is None else call.ticket


class Ticket:
    """What `ticket` returns: it holds already; as a context manager it is unsaid at the end."""

    __slots__ = ("_before", "_call")

    def __init__(self, number: Any) -> None:
        self._call = current.get()
        self._before = ordered_by(current.get())
        self._set(number)

    def _set(self, number: Any) -> None:
        if self._call is None:
            _outside.set(number)
        else:
            self._call.ticket = number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._set(self._before)


def ticket(number: Any) -> Ticket:
    """Say which ticket orders the acts of the current request, or of a `with` block.

    Outside of a request it holds for the current thread or task. An act that names one of its own keeps it.
    """
    return Ticket(number)
