"""What a process without any rights is lent to answer from: open files, never names.

A file that is open stays whatever becomes of its name, so segments may be merged away while it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from sealtrail.errors import UsageError
from sealtrail.event import Position
from sealtrail.store.snapshot import Snapshot


class Loan(NamedTuple):
    """Descriptors of segments, and of an Arrow stream with the live rows. Below `floors` nothing counts."""

    segments: list[int]
    live: int
    floors: Position


@contextmanager
def lent(folder: Path, snapshot: Snapshot, since: int | None, until: int | None) -> Iterator[Loan]:
    """Open what one snapshot holds of a period. Raises UsageError (usage.format) where a segment is gone."""
    with ExitStack() as opened:
        files = []
        for segment in snapshot.between(since, until):
            descriptor = _open(folder / segment.file)
            opened.callback(os.close, descriptor)
            files.append(descriptor)
        live = os.memfd_create("live", os.MFD_CLOEXEC)
        opened.callback(os.close, live)
        rows = snapshot.live.table()
        with os.fdopen(live, "wb", closefd=False) as file, pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)
        yield Loan(files, live, snapshot.floors())


def _open(path: Path) -> int:
    """A segment, and not what a link leads to: whoever may write here need not be who may read there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unusable(path, "it is no file")
    return descriptor


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        "usage.format",
        f"the segment {path} of the index cannot be opened: {why}",
        hint="`sealtrail rebuild` makes the index again from the ledger; nothing is lost.",
    )
