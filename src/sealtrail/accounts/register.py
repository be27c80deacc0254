"""A small file of named records that commands change while a server reads them: keys, people.

Safe between threads and processes. The file is read again when it changes, so what the command line takes
away is gone for a running server at the next request.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from sealtrail.errors import UsageError
from sealtrail.follow.state import save_json


class Change(msgspec.Struct, frozen=True):
    """What is about to change of a person or a key: an action, whose, and the roles."""

    action: str
    name: str
    role_before: str = ""
    role_after: str = ""


Record = Callable[[Change], None]
"""Makes a change part of the record. It may raise, and then nothing changes."""


def unrecorded(change: Change) -> None:
    """For who only reads."""


class Named(Protocol):
    """A record knows the name it is found by."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Named)


class Register(Generic[R]):
    """Records by name, in the order they were made.

    `read` takes the file's bytes apart and raises msgspec.MsgspecError for what it is not; `shape` makes of
    the records what the file holds.
    """

    def __init__(self, path: Path, read: Callable[[bytes], list[R]], shape: Callable[[list[R]], Any]) -> None:
        self._path = path
        self._read = read
        self._shape = shape
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._records: dict[str, R] = {}

    def get(self, name: str) -> R | None:
        """The record of a name, as it is now. Raises UsageError where the file cannot be read."""
        with self._lock:
            return self._current().get(name)

    def all(self) -> tuple[R, ...]:
        """Every record, the oldest first."""
        with self._lock:
            return tuple(self._current().values())

    @contextmanager
    def changing(self) -> Iterator[dict[str, R]]:
        """The records to change; written when the block ends without an error.

        The file's lock spans reading and writing: two changes at once, in whatever processes or threads,
        would otherwise lose one of two new records. Readers do not wait for it: a change takes as long as it
        takes to record it, and meanwhile everybody else is let in.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(
            self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            records = self._load()
            yield records
            save_json(self._path, self._shape(list(records.values())))
            with self._lock:
                self._seen = None
        finally:
            os.close(lock)

    def _current(self) -> dict[str, R]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._records = None, {}
            return self._records
        # Every change is a rename, so it brings another inode or another time.
        identity = (status.st_ino, status.st_mtime_ns, status.st_size)
        if identity != self._seen:
            self._records = self._load()
            self._seen = identity
        return self._records

    def _load(self) -> dict[str, R]:
        try:
            records = self._read(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            raise UsageError(
                "usage.path",
                f"{self._path} cannot be read: {error}",
                hint="Restore it from a backup, or remove it and make new ones.",
            ) from None
        return {record.name: record for record in records}
