"""Who runs a statement: the mapper for an object, a relation for its pairs, or somebody else.

During a flush all three do, a listener of the application's among them.
"""

from __future__ import annotations

import sys
from typing import Final

_BETWEEN: Final = ("sqlalchemy.engine", "sqlalchemy.event", "sqlalchemy.sql", "sqlalchemy.util", __package__)
_MAPPER: Final = "sqlalchemy.orm.persistence"
_RELATION: Final = "sqlalchemy.orm.dependency"


def writer() -> str:
    """`object`, `pairs` or `other`, of the statement that has just been run by whoever calls this."""
    frame = sys._getframe(1)  # noqa: SLF001 - who calls it says so for certain
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_BETWEEN):
        frame = frame.f_back
    module = frame.f_globals.get("__name__", "")
    return "object" if module == _MAPPER else "pairs" if module == _RELATION else "other"
