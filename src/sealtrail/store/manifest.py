"""The manifest: the only truth about which files count. Replaced whole, by rename, so readers see old or new.

If we crash before the rename the old manifest stands and its files are all there: a file is deleted only once
a manifest without it has been durable for a while. If we crash after it, the new files were synced
before. A segment that no manifest names was never seen by anyone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.errors import UsageError
from sealtrail.event import Position
from sealtrail.store.columns import FINGERPRINT

MANIFEST: Final = "manifest.json"
VERSION: Final = 1


class Extent(msgspec.Struct, frozen=True):
    """Entries of one trail in a segment: indexes [first, end), of which `rows` are there."""

    first: int
    end: int
    rows: int


class Segment(msgspec.Struct, frozen=True):
    """One Parquet file, sorted by time, trail and index. Times in microseconds, both ends included."""

    file: str
    rows: int
    bytes: int
    oldest: int
    newest: int
    trails: dict[str, Extent]
    columns: tuple[str, ...]


class Retired(msgspec.Struct, frozen=True):
    """A file that no longer counts, and when that became so (seconds since 1970)."""

    file: str
    at: float


class Manifest(msgspec.Struct, frozen=True):
    """`position` is what the segments cover; entries below `forgotten` no longer count."""

    version: int = VERSION
    schema: str = FINGERPRINT
    serial: int = 0
    position: Position = {}
    forgotten: Position = {}
    segments: tuple[Segment, ...] = ()
    retired: tuple[Retired, ...] = ()

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)


def load(folder: Path) -> Manifest:
    """The manifest of a folder; an empty one where there is none. Raises UsageError for another format."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise _unusable(folder, f"cannot be read: {error}") from None
    if manifest.version != VERSION or manifest.schema != FINGERPRINT:
        raise _unusable(folder, "was written by another version")
    for name in [*(s.file for s in manifest.segments), *(r.file for r in manifest.retired)]:
        # The folder is not trusted: a name must not lead out of it.
        if "/" in name or not name.endswith(".parquet") or name.startswith("."):
            raise _unusable(folder, f"names a file `{name[:80]}`, which is no segment")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise UsageError unless every segment is there in its full length."""
    for segment in manifest.segments:
        path = folder / segment.file
        if not path.is_file() or path.stat().st_size != segment.bytes:
            raise _unusable(folder, f"names {segment.file}, which is missing or cut short")


def save(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest durably. Raises OSError, and the old one stands."""
    write_durably(folder / MANIFEST, msgspec.json.encode(manifest))


def write_durably(path: Path, data: bytes) -> None:
    """Write beside, sync, rename, sync the folder: the name means all of the bytes or the old ones."""
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(folder: Path, why: str) -> UsageError:
    return UsageError(
        "usage.format",
        f"the index {folder / MANIFEST} {why}",
        hint="`sealtrail rebuild` makes it again from the ledger; nothing is lost.",
    )
