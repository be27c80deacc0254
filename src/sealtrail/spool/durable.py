"""Whether what was written is on the disk, and not only in the page cache."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from sealtrail.spool.locks import Lock

Inode = tuple[int, int]
"""Device and number of a file."""


class Durable:
    """What the disk was asked to keep, and what it refused.

    The kernel tells of a failed write-back once, and drops the pages: whoever asks after that is told that
    all is well. So a segment that was `refused` once is never trusted again, and not written to.
    """

    def __init__(self) -> None:
        self.refused: Inode = (0, 0)
        self._named: Inode = (0, 0)  # the segment whose name is durable
        self._lock = Lock()

    def sync(self, descriptor: int, inode: Inode, folder: Path) -> bool:
        """True once the file is on the disk under its name; False where the disk had refused it before.

        Raises OSError where it refuses now.
        """
        with self._lock:
            if inode == self.refused:
                return False
            try:
                os.fdatasync(descriptor)
                if inode != self._named:
                    # The name of a new file is only as durable as its folder, and a new folder as its own.
                    # That one may be closed to us; then it was there before us.
                    sync_folder(folder)
                    with contextlib.suppress(PermissionError):
                        sync_folder(folder.parent)
                    self._named = inode
            except OSError:
                self.refused = inode
                raise
            return True


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
