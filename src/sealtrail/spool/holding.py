"""The right to empty a spool folder: one process has it, the collector or a shipper.

Two that emptied one folder would each send a part of it, and one would remove what the other has not read.
The lock is on the folder itself and ends with the process, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from sealtrail.errors import BusyError, UsageError
from sealtrail.spool.layout import STDOUT


class Hold:
    """One folder. Not safe between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._inode = (0, 0)

    def take(self) -> bool:
        """Have the folder from now on; False while there is none. Cheap to ask again.

        Raises BusyError (busy.folder) where another has it, OSError where it cannot be opened, UsageError for
        what is no folder at all.
        """
        if self._folder.name == STDOUT:
            raise UsageError(
                "usage.path",
                f"{STDOUT} is no folder: there the application's events are lines of its output",
                hint="Take them from there with `sealtrail import -`; see docs/how-to/containers.md.",
            )
        try:
            found = self._folder.stat()
        except FileNotFoundError:
            self.release()
            return False
        if self._descriptor >= 0:
            if (found.st_dev, found.st_ino) == self._inode:
                return True
            self.release()  # the folder was removed and made again
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(
                "busy.folder",
                f"another process empties {self._folder}",
                retry_after=5,
                hint="One collector or one `sealtrail ship` a folder: stop one of the two.",
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        status = os.fstat(descriptor)
        self._descriptor, self._inode = descriptor, (status.st_dev, status.st_ino)
        return True

    @property
    def is_held(self) -> bool:
        return self._descriptor >= 0

    def release(self) -> None:
        """Let another have it."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1
