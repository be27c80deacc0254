"""Events are taken where they would be written into the spool: everything before that is what really runs."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from sealtrail.capture.pseudonym import Pseudonyms
from sealtrail.capture.recorder import Recorder
from sealtrail.event import Fields, decode
from sealtrail.spool.disk import Spool

_EMITTER: Final = "captured"


class CapturedEvents(list[Fields]):
    """The events, oldest first, each a mapping of dotted names.

    `faults` are exceptions that capture swallowed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[BaseException] = []
        self._lock = threading.Lock()

    def take(self, head: bytes, tail: bytes) -> None:
        """Add what would have been written, with a number of its own."""
        with self._lock:
            line = b'%b,"sealtrail.emitter":"%b","sealtrail.seq":%d%b}' % (
                head,
                _EMITTER.encode(),
                len(self),
                tail,
            )
            self.append(decode(line))


_here: Final[ContextVar[tuple[CapturedEvents, ...]]] = ContextVar("sealtrail_captured", default=())
_lock: Final = threading.Lock()
_open: Final[list[CapturedEvents]] = []
_originals: Final[list[tuple[type, str, Any]]] = []
# Hashes of tests need no key that is kept, and the same name has the same hash in each of them.
_pseudonyms: Final = Pseudonyms("sealtrail.testing", Path())


@contextlib.contextmanager
def capture_events(*, strict: bool = False) -> Iterator[CapturedEvents]:
    """Take the events that are written inside, in place of the spool: nothing reaches the disk.

    Each thread and task that captures by itself sees its own events. Those of other threads, such as a test
    server's, go to the capture that was opened last. Within another capture both see the events. `required`
    and `fsync` are met. Middleware may have been set up before. With `strict`, an exception that capture
    would have kept from the application raises AssertionError at the end.
    """
    captured = CapturedEvents()
    token = _here.set((*_here.get(), captured))
    _enter(captured)
    try:
        yield captured
    finally:
        _leave(captured)
        with contextlib.suppress(ValueError):  # a fixture's end may run in another context than its beginning
            _here.reset(token)
    if strict and captured.faults:
        first = captured.faults[0]
        raise AssertionError(
            f"capture failed {len(captured.faults)} times, and the application did not notice; the first was "
            f"{type(first).__name__}: {first}"
        ) from first


def _takers() -> tuple[CapturedEvents, ...]:
    """Whose events those of this thread or task are: equal lists are not the same list."""
    with _lock:
        alive = {id(one) for one in _open}
        found = tuple(one for one in _here.get() if id(one) in alive)
        return found or tuple(_open[-1:])


def _enter(captured: CapturedEvents) -> None:
    with _lock:
        if not _open:
            for owner, name, make in _HOOKS:
                original = owner.__dict__[name]
                _originals.append((owner, name, original))
                setattr(owner, name, make(original))
        _open.append(captured)


def _leave(captured: CapturedEvents) -> None:
    with _lock:
        _open[:] = [one for one in _open if one is not captured]
        if not _open:
            while _originals:
                setattr(*_originals.pop())


def _writing(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def write(self: Spool, head: bytes, tail: bytes = b"", **how: Any) -> bool:
        takers = _takers()
        if not takers:
            return original(self, head, tail, **how)
        for one in takers:
            one.take(head, tail)
        return True

    return write


def _asking(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def is_ready(self: Spool) -> bool:
        return bool(_takers()) or original(self)

    return is_ready


def _failing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def failed(self: Recorder) -> None:
        error = sys.exception()
        for one in _takers():
            if error is not None:
                one.faults.append(error)
        original(self)

    return failed


def _hashing(original: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(original)
    def of(self: Pseudonyms, purpose: str, value: str) -> str:
        kept = self is _pseudonyms or self.has_key or not _takers()
        return original(self if kept else _pseudonyms, purpose, value)

    return of


_HOOKS: Final[tuple[tuple[type, str, Callable[[Any], Any]], ...]] = (
    (Spool, "write", _writing),
    (Spool, "is_ready", _asking),
    (Recorder, "failed", _failing),
    (Pseudonyms, "of", _hashing),
)
