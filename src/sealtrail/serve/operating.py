"""Acts of an operator: through the server that has the folder open, which is the only one to write in it."""

from __future__ import annotations

from pathlib import Path

from sealtrail.collect.inbox import Act, ask
from sealtrail.errors import UsageError
from sealtrail.serve.folder import Folder


def operate(data: Path, act: Act, *, without: str = "without one nothing is blocked") -> Act:
    """Have the running server carry out an act.

    Raises UsageError when no server has the folder open; `without` says why one is needed.
    """
    folder = Folder(data)
    folder.check()
    if folder.writer() is None:
        raise UsageError(
            "usage.path",
            f"no server has {data} open, and {without}",
            hint="Start it with `sealtrail serve`.",
        )
    return ask(folder.inbox, act)


def rebuild(data: Path, seconds: float = 24 * 3600.0) -> int:
    """Make the index again from the ledger alone; the number of entries in it. Needs the folder to itself."""
    from sealtrail.serve.writing import (
        Collector,  # here: it loads the index's libraries, `operate` needs none
    )

    folder = Folder(data)
    folder.check()
    with Collector(folder, guard=False, clear_index=True) as collector:
        collector.settle(seconds)
        collector.store.flush()
        return collector.reading.count("*")
