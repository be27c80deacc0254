"""No lock that another library can replace stands in what runs inside an application."""

from __future__ import annotations

import ast

# What an application's process never runs: the shipper's own, and what stands in for the spool in its tests.
ELSEWHERE = ("sealtrail.spool.rejects", "sealtrail.testing.")
INSIDE = ("capture", "spool", "scrub", "event", "flask", "django", "sqlalchemy", "outgoing", "logging")
DOORS = ("sealtrail.asgi", "sealtrail.wsgi", "sealtrail.structlog", "sealtrail.pyjwt")


def patched_locks(source: str) -> list[str]:
    """Uses of what gevent replaces."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in {"threading.Lock", "threading.RLock"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "threading"
            and {alias.name for alias in node.names} & {"Lock", "RLock", "Condition", "Event", "Semaphore"}
        )
    ]


def test_a_patched_lock_is_seen() -> None:
    assert patched_locks("import threading\nx = threading.Lock()")
    assert patched_locks("from threading import RLock")
    assert not patched_locks("import threading\nx = threading.local()")


def test_nothing_that_runs_inside_an_application_takes_a_lock_that_can_be_patched(sources) -> None:
    inside = {
        name: path
        for name, path in sources.items()
        if name.startswith((*(f"sealtrail.{room}." for room in INSIDE), *DOORS))
        and not name.startswith(ELSEWHERE)
    }
    assert "sealtrail.spool.disk" in inside
    found = {name: patched_locks(path.read_text()) for name, path in inside.items()}
    assert not {name: uses for name, uses in found.items() if uses}
