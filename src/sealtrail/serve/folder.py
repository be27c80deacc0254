"""The data folder: where things are, which version wrote them, and who may write now."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sealtrail.errors import LedgerError, NotFoundError, UsageError
from sealtrail.follow.state import save
from sealtrail.settings import DiskSettings

FORMAT: Final = "sealtrail 1\n"

# How often, and how long after the other, a lock is tried that somebody else holds.
LOOKS: Final = 10
LOOK_SECONDS: Final = 0.02


class Folder:
    """Paths of a data folder. Nothing is touched until `create` or `check`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.format = root / "format"
        self.keys = root / "keys"
        self.trails = root / "trails"
        self.store = root / "store"
        self.holds = root / "holds"
        self.state = root / "state"
        self.inbox = self.state / "inbox"
        self.rejects = self.state / "rejects"
        self.seen = self.state / "seen"
        self.lock = self.state / "writer.lock"
        self.files = self.state / "files.json"
        self.alerts = self.state / "alerts.json"
        self.witnesses = root / "witnesses"
        self.witnessing = self.state / "witnesses.json"

    def cursor(self, name: str) -> Path:
        return self.state / "cursors" / f"{name}.json"

    def create(self) -> None:
        """Make the folder, private to its owner, or check the one that is there."""
        if self.format.exists():
            self.check()
        elif self.root.exists() and not self.root.is_dir():
            raise UsageError("usage.path", f"{self.root} is not a folder")
        for folder in (self.root, self.keys, self.trails, self.store, self.state, self.inbox, self.rejects):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.format.exists():
            save(self.format, FORMAT.encode())

    def check(self) -> None:
        """Raise unless this is a data folder of a version we read."""
        try:
            written = self.format.read_text()
        except FileNotFoundError:
            raise NotFoundError(
                "not-found.file",
                f"{self.root} is not a data folder",
                hint="Name one with --data or SEALTRAIL_DATA; `sealtrail serve` makes one.",
            ) from None
        if written != FORMAT:
            raise UsageError(
                "usage.format",
                f"{self.root} says it is `{written.strip()[:40]}`, this version reads `{FORMAT.strip()}`",
                hint="Use the version of Sealtrail that wrote it, or a newer one.",
            )

    def writer(self) -> int | None:
        """The pid of the process that has the folder open for writing, or None."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.pread(descriptor, 20, 0) or b"0")
        finally:
            os.close(descriptor)
        return None


class WriterLock:
    """Held by the one writer for as long as it lives; the kernel lets go of it when the process dies."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = os.open(self._folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(descriptor):
            pid = os.pread(descriptor, 20, 0).decode() or "unknown"
            os.close(descriptor)
            raise LedgerError(
                "ledger.locked",
                f"process {pid} is the writer of {self._folder.root}",
                hint="Commands that read need no lock. To write, use the running server, or stop it first.",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock. A command that looks whether there is a writer holds it for a moment: look again."""
    for _ in range(LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK_SECONDS)
        else:
            return True
    return False


def free_space(folder: Path, settings: DiskSettings) -> str:
    """Empty while there is room; else a sentence that says how much is missing."""
    free = shutil.disk_usage(folder).free
    if free >= settings.free_bytes:
        return ""
    return f"only {free >> 20} MiB are free, and {settings.free_bytes >> 20} MiB must stay free"
