"""Small files by which a process does its work: not everybody may write them, and none may block."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_trusted(path: Path, limit: int, *, flags: int = 0) -> bytes:
    """The first `limit` bytes of a regular file that not everybody may write. Raises OSError.

    `flags` are further ones for the opening, such as O_NOFOLLOW.
    """
    # A pipe in its place would let whoever opens it wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | flags)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_mode & stat.S_IWOTH:
            raise OSError(errno.EPERM, "everybody on this machine may write it")
        return file.read(limit)
