"""The edge to the disk. What must survive a crash goes through `Disk`, so that tests can fail every step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealtrail.errors import LedgerError
from sealtrail.ledger.layout import FILE_MODE, FOLDER_MODE, TEMPORARY


class Disk:
    """The operating system's calls, one method each. Raises OSError as they do."""

    def create(self, path: Path, *, fresh: bool = False) -> int:
        """Open for appending; `fresh` makes a new file in place of one that is left there.

        Never follows a link planted in the folder. What is left is not written into either: its mode, and who
        holds it open, would be somebody else's choice.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        if fresh and not path.is_symlink():
            path.unlink(missing_ok=True)
            flags |= os.O_EXCL
        return os.open(path, flags, FILE_MODE)

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of `data`; the number of bytes written may be less than all."""
        return os.write(fd, data)

    def datasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def mkdir(self, path: Path) -> None:
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Make names in a folder durable: a new or renamed file is not there after a crash without it."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_all(disk: Disk, fd: int, data: bytes) -> None:
    """Append all of `data`, in as many writes as it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[disk.write(fd, rest) :]


def write_new(disk: Disk, path: Path, data: bytes) -> None:
    """A file with exactly this content, durable but for its name."""
    fd = disk.create(path, fresh=True)
    try:
        write_all(disk, fd, data)
        disk.datasync(fd)
    finally:
        disk.close(fd)


def replace(disk: Disk, path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old content or the new one, never a mixture."""
    temporary = path.with_name(path.name + TEMPORARY)
    write_new(disk, temporary, data)
    disk.rename(temporary, path)
    disk.sync_folder(path.parent)


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into LedgerError (ledger.io)."""
    try:
        yield
    except OSError as error:
        raise LedgerError(
            "ledger.io",
            f"{path}: {error.strerror or error}",
            hint="Free space or repair the disk, then start again: recovery happens at the next start.",
        ) from error


def read_exactly(fd: int, count: int, offset: int) -> bytes:
    """`count` bytes at `offset`; fewer only where the file ends."""
    data = os.pread(fd, count, offset)
    while len(data) < count:
        more = os.pread(fd, count - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def open_reading(path: Path) -> int:
    """A file descriptor for reading, never through a link, and never waiting for a pipe's other end."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)


def read_file(path: Path, limit: int) -> bytes:
    """A whole file of at most `limit` bytes. Raises OSError, and LedgerError (ledger.format) beyond it."""
    fd = open_reading(path)
    try:
        data = read_exactly(fd, limit + 1, 0)
    finally:
        os.close(fd)
    if len(data) > limit:
        raise LedgerError("ledger.format", f"{path.name} is larger than {limit:,} bytes")
    return data
