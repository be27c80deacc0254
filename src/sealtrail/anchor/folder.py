"""A copy of each checkpoint in a folder elsewhere: one history file a trail, appended and synced.

What a crash or a full disk leaves there is the beginning of a record, which the next push completes. Nothing
that lies there is ever changed or removed: what does not fit is a contradiction, and nothing is added to it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final, NamedTuple

from sealtrail.anchor.ours import Ours, notes_of, scan, size_of
from sealtrail.anchor.places import Place, parts_of
from sealtrail.anchor.standing import DivergedError, Kind, Pushed
from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.files import Disk, open_reading, write_all
from sealtrail.ledger.note import base64_text

SUFFIX: Final = ".checkpoints"
PIECE_BYTES: Final = 1 << 20  # of checkpoints that are caught up with between two syncs


class _Seen(NamedTuple):
    """A file as it was looked at: which one, its last size, what is torn, and where our history goes on."""

    mark: tuple[int, int, int]
    size: int
    torn: bytes
    offset: int


class FolderAnchor:
    """Used by one thread."""

    kind: Kind = "folder"
    every = 0.0
    """Seconds between two pushes of a trail: each checkpoint is copied."""

    def __init__(self, place: Place, disk: Disk | None = None) -> None:
        self.name = place.name
        self.id = place.id
        self._root = Path(place.folder)
        self._disk = disk or Disk()
        self._seen: dict[str, _Seen] = {}

    def path(self, origin: str) -> Path:
        """The history file of a trail: FOLDER/INSTALLATION/TRAIL.checkpoints."""
        *folders, name = parts_of(origin)
        return self._root.joinpath(*folders, name + SUFFIX)

    def copy_of(self, ours: Ours) -> Path | None:
        return self.path(ours.origin)

    def push(self, ours: Ours, before: Pushed | None) -> Pushed:
        """Append what is signed and not there yet. Raises DivergedError, OSError where the disk refuses."""
        path = self.path(ours.origin)
        if not self._root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder is not there; is it mounted?", str(self._root))
        if before is not None and not os.path.lexists(path):
            raise DivergedError(
                f"{path} is gone; it had {before.size:,} entries. Is it mounted?",
                trail=ours.trail,
                size=before.size,
                root=before.root,
            )
        self._make(path.parent)
        fresh = not path.exists()
        fd = self._disk.create(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else may think that the end is theirs
            if fresh:
                self._disk.sync_folder(path.parent)
            seen = self._seen.pop(ours.trail, None)
            if seen is None or seen.mark != _mark(fd):
                seen = self._look(path, fd, ours, before)
            note, seen = self._append(fd, ours, seen)
            # Only now: after a failure the file is looked at again, for what it holds is unknown.
            self._seen[ours.trail] = seen
        finally:
            self._disk.close(fd)
        if note:
            return Pushed(seen.size, base64_text(Checkpoint.from_note(note)[0].root))
        if before is not None and before.size == seen.size:
            return before
        return Pushed(seen.size, base64_text(ours.root(seen.size)))

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder.parent != self._root:
            self._make(folder.parent)
        self._disk.mkdir(folder)
        self._disk.sync_folder(folder.parent)

    def _look(self, path: Path, fd: int, ours: Ours, before: Pushed | None) -> _Seen:
        """Hold everything that lies there against the trail."""
        mark, last, torn = _mark(fd), -1, b""
        local, mine = notes_of(ours.history), b""
        reading = open_reading(path)
        try:
            for note, end in scan(reading):
                if end < 0:
                    torn = note
                    break
                size = size_of(note)
                while size_of(mine) < size and (step := next(local, None)) is not None:
                    mine = step[0]
                # The same bytes as in the history, which is held against the entries at every start. Else it
                # has to fit by itself.
                if mine != note:
                    ours.hold(note, str(path))
                if size <= last:
                    raise _bad(ours, path, f"has {size:,} entries after {last:,}: it was changed")
                last = size
        except LedgerError as error:
            if isinstance(error, DivergedError):
                raise
            raise _bad(ours, path, f"is no history of checkpoints: {error.what}") from None
        finally:
            os.close(reading)
        if before is not None and last < before.size:
            raise _bad(
                ours, path, f"was cut off: it had {before.size:,} entries, and ends at {max(last, 0):,}"
            )
        return _Seen(mark, last, torn, _behind(ours, last, torn, path))

    def _append(self, fd: int, ours: Ours, seen: _Seen) -> tuple[bytes, _Seen]:
        """The last note that is durable there, empty where there was nothing to add."""
        last, torn, offset, size = b"", seen.torn, seen.offset, seen.size
        while True:
            piece, end = bytearray(), offset
            for note, behind in notes_of(ours.history, offset):
                last, end = note, behind
                piece += history_record(note)
                if len(piece) >= PIECE_BYTES:
                    break
            if not piece:
                return last, _Seen(_mark(fd), size, b"", offset)
            write_all(self._disk, fd, bytes(piece[len(torn) :]))
            self._disk.datasync(fd)
            torn, offset, size = b"", end, size_of(last)


def _behind(ours: Ours, last: int, torn: bytes, path: Path) -> int:
    """Where in our history the first record begins that is not there whole.

    Behind `last`; a copy that has nothing yet begins with the latest. What is torn has to be its beginning.
    """
    latest = size_of(ours.note())
    begin, found = 0, -1
    for note, end in notes_of(ours.history):
        size = size_of(note)
        if size > last and history_record(note).startswith(torn) and (last >= 0 or torn or size == latest):
            found = begin
            if last >= 0 or size == latest:
                break
        elif size > last >= 0:
            break
        begin = end
    if found >= 0:
        return found
    if torn:
        raise _bad(ours, path, f"ends in {len(torn):,} bytes that were never signed")
    return begin


def _bad(ours: Ours, path: Path, what: str) -> DivergedError:
    return DivergedError(f"{path} {what}", trail=ours.trail)


def _mark(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_ino, found.st_size, found.st_mtime_ns
