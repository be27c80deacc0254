"""When a connection of Django commits, and when it does not: what waits for that is told of it.

Django's own `on_commit` runs after the commit, knows nothing of savepoints made by hand, and refuses where
transactions are managed by hand.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Final

from sealtrail.capture.audit.pending import Pending, committing


class Waiting(Pending):
    """What waits for the commit of one connection. `undone` is called when any of it is taken back."""

    def __init__(self, *, required: bool, fsync: bool, undone: Callable[[Any], None]) -> None:
        super().__init__(required=required, fsync=fsync)
        self.saved: weakref.WeakSet[Any] = weakref.WeakSet()
        self._undone = undone

    def rolled_back(self) -> None:
        self.clear()
        self._undone(self)

    def back(self, name: str) -> None:
        super().back(name)
        self._undone(self)


_waiting: Final[weakref.WeakKeyDictionary[Any, dict[Any, Waiting]]] = weakref.WeakKeyDictionary()


def waiting(
    connection: Any, owner: Any, *, required: bool, fsync: bool, undone: Callable[[Any], None]
) -> Waiting:
    """What waits for the commit of a connection, for one who listens."""
    known = watch(connection)
    found = known.get(owner)
    if found is None:
        found = known[owner] = Waiting(required=required, fsync=fsync, undone=undone)
    return found


def forget(owner: Any) -> None:
    """Nothing of this one waits any longer."""
    for known in _waiting.values():
        known.pop(owner, None)


def is_open(connection: Any) -> bool:
    """Whether a commit is still to come."""
    return connection.in_atomic_block or not connection.autocommit


def watch(connection: Any) -> dict[Any, Waiting]:
    """Learn of each commit before and after it, of each rollback and savepoint. Those who wait, by owner."""
    found = _waiting.get(connection)
    if found is not None:
        return found
    known: dict[Any, Waiting] = {}
    _waiting[connection] = known
    for name in ("_commit", "_set_autocommit"):
        setattr(connection, name, _commits(connection, getattr(connection, name), known))
    for name in ("_rollback", "_close"):
        setattr(connection, name, _after(getattr(connection, name), Waiting.rolled_back, known))
    for name, act in (
        ("_savepoint", Waiting.savepoint),
        ("_savepoint_rollback", Waiting.back),
        ("_savepoint_commit", Waiting.release),
    ):
        setattr(connection, name, _after(getattr(connection, name), act, known))
    return known


def _commits(connection: Any, commit: Callable[..., Any], known: dict[Any, Waiting]) -> Callable[..., Any]:
    @functools.wraps(commit)
    def commits(*args: Any) -> Any:
        # To switch autocommit off commits nothing.
        told = [] if args == (False,) else [one for one in known.values() if len(one) or one.broken]
        if not told:
            return commit(*args)
        # Django rolls back for errors of the database alone: what follows would commit it after all.
        with committing(told, lambda: _undo(connection), lambda _: _is_there(connection)):
            return commit(*args)

    return commits


def _is_there(connection: Any) -> bool:
    """Whether the connection still is: if it broke, the commit may have got through."""
    try:
        return bool(connection.is_usable())
    except Exception:  # a driver's own code
        return False


def _undo(connection: Any) -> None:
    try:
        connection.rollback()
    except Exception:  # whatever is wrong with it, a connection that is dropped commits nothing
        connection.close()


def _after(
    done: Callable[..., Any], act: Callable[..., None], known: dict[Any, Waiting]
) -> Callable[..., Any]:
    @functools.wraps(done)
    def doing(*args: Any) -> Any:
        try:
            result = done(*args)
        except BaseException:
            # Of a connection that could not be closed nothing will be committed either.
            if done.__name__ == "_close":
                tell(*args)
            raise
        tell(*args)
        return result

    def tell(*args: Any) -> None:
        for one in list(known.values()):
            act(one, *args)

    return doing
