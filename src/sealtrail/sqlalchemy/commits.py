"""When a dialect commits, in one phase or in two, and to which savepoint it goes back.

SQLAlchemy's own events come before the commit, and do not know the names of savepoints.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from sealtrail.capture.audit.pending import Pending, committing

_WATCHED: Final = "_sealtrail_watched"


def watch(dialect: Any) -> None:
    """Tell those who wait in the `info` of a connection. A second call changes nothing."""
    if getattr(dialect, _WATCHED, False):
        return
    commit, rollback = dialect.do_commit, dialect.do_rollback
    prepare, commit_prepared = dialect.do_prepare_twophase, dialect.do_commit_twophase

    def is_sure(connection: Any) -> Callable[[BaseException], bool]:
        return lambda error: not _is_cut(dialect, connection, error)

    def do_commit(connection: Any) -> None:
        with committing(waiting(connection), functools.partial(rollback, connection), is_sure(connection)):
            commit(connection)

    def do_prepare_twophase(connection: Any, xid: Any) -> None:
        for one in waiting(connection):
            one.prepare()
        prepare(connection, xid)

    def do_commit_twophase(
        connection: Any, xid: Any, is_prepared: bool = True, recover: bool = False
    ) -> None:
        # What is prepared was announced then.
        with committing(waiting(connection), _nothing, is_sure(connection)):
            commit_prepared(connection, xid, is_prepared, recover)

    dialect.do_commit = do_commit
    dialect.do_prepare_twophase = do_prepare_twophase
    dialect.do_commit_twophase = do_commit_twophase
    for name, act in (
        ("do_savepoint", Pending.savepoint),
        ("do_rollback_to_savepoint", Pending.back),
        ("do_release_savepoint", Pending.release),
    ):
        setattr(dialect, name, functools.partial(_named, getattr(dialect, name), act))
    setattr(dialect, _WATCHED, True)


def waiting(connection: Any) -> list[Pending]:
    return [one for one in list(getattr(connection, "info", {}).values()) if isinstance(one, Pending)]


def _is_cut(dialect: Any, connection: Any, error: BaseException) -> bool:
    """Whether the connection is gone: then the commit may have got through."""
    try:
        return bool(dialect.is_disconnect(error, connection, None))
    except Exception:  # a driver's own code
        return True


def _named(do: Callable[..., Any], act: Callable[[Pending, str], None], connection: Any, name: str) -> None:
    do(connection, name)
    for one in waiting(connection):
        act(one, name)


def _nothing() -> None:
    return
