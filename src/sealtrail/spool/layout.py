"""Names, limits and file formats of the spool folder, shared by its writers and by whoever empties it.

A segment is `<emitter>.<NNNNNN>.ndjson`. Its writer holds flock(LOCK_EX) on it for as long as it may still
write, so a free lock means: nothing more will come.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sealtrail.event.limits import MAX_EMITTER

# A reader keeps at most one segment per emitter in mind, and a dead writer leaves at most this to read.
SEGMENT_BYTES: Final = 8 * 1024 * 1024
LEAST_SEGMENT_BYTES: Final = 16 * 1024  # of a folder that may hold little

# A collector that is down must not fill the application's disk. The last part is for audit events alone.
SPOOL_BYTES: Final = 1024 * 1024 * 1024
AUDIT_RESERVE_BYTES: Final = 128 * 1024 * 1024

# The application writes and the collector's group reads and deletes; nobody else sees anything. New files
# inherit the folder's group.
FOLDER_MODE: Final = 0o2770
SEGMENT_MODE: Final = 0o640
KEY_MODE: Final = 0o600

BLOCKS_FILE: Final = "blocks.json"
BLOCKS_VERSION: Final = 1
BLOCKS_REFRESH_SECONDS: Final = 10.0  # written again at least this often, also when nothing changed
BLOCKS_STALE_SECONDS: Final = 30.0  # older than this: the collector is gone, so nobody is blocked
# Of the block list: a larger file was not written by the collector.
BLOCKS_MAX_BYTES: Final = 16 * 1024 * 1024

PSEUDONYM_KEY_FILE: Final = "pseudonym.key"

# In place of a folder: events are lines of standard output. Then there is no block list and no kept key.
STDOUT: Final = "stdout:"
NOWHERE: Final = Path(os.devnull)


def folder_of(spool: Path) -> Path:
    """Where the files of a spool are; nowhere, if it is standard output."""
    return NOWHERE if str(spool) == STDOUT else spool


# What such a line begins with in place of its brace. No JSON text holds it: there quotes are escaped.
MARK: Final = b'{"sealtrail.stream":1,'

_SEGMENT: Final = re.compile(
    rf"([A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_EMITTER - 1}}})\.(\d{{6,9}})\.ndjson", re.ASCII
)


class SegmentName(NamedTuple):
    """What a segment's file name says."""

    emitter: str
    number: int


def segment_name(emitter: str, number: int) -> str:
    """File name of the segment `number` (from 0) of an emitter."""
    return f"{emitter}.{number:06d}.ndjson"


def parse_segment_name(name: str) -> SegmentName | None:
    """The emitter and number in a file name; None for whatever else lies in the folder."""
    match = _SEGMENT.fullmatch(name)
    if match is None or segment_name(match[1], int(match[2])) != name:
        return None
    return SegmentName(match[1], int(match[2]))


def segments(folder: Path) -> list[tuple[SegmentName, Path]]:
    """All segments of a folder by emitter and number. A folder that is not there has none."""
    found: list[tuple[SegmentName, Path]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            parsed = parse_segment_name(entry.name)
            if parsed is not None and entry.is_file(follow_symlinks=False):
                found.append((parsed, Path(entry.path)))
    return sorted(found)


def is_alive(path: Path) -> bool:
    """True while a writer may still append to this segment. False when it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def remove_if_read(path: Path, size: int) -> bool:
    """Delete a segment of which `size` bytes are durable elsewhere, if that is all and its writer is gone.

    The lock is held from the look at the size to the unlink: a writer cannot come back in between.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _lock(descriptor) or os.fstat(descriptor).st_size != size:
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Block(msgspec.Struct, frozen=True):
    """One refused address: an IPv4 or IPv6 address, or an IPv6 /64. `until` is in seconds of the epoch."""

    address: str
    until: float
    id: str = ""


class BlockList(msgspec.Struct, frozen=True):
    """All of blocks.json. `written` is in seconds of the epoch, by the clock of the host both live on."""

    written: float
    blocks: tuple[Block, ...] = ()
    version: int = BLOCKS_VERSION

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> BlockList:
        """Raises ValueError for anything but a list of this version."""
        try:
            blocks = msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"blocks.json cannot be read: {error}") from None
        if blocks.version != BLOCKS_VERSION:
            raise ValueError(f"blocks.json has version {blocks.version}, this reads {BLOCKS_VERSION}")
        return blocks


def publish_blocks(folder: Path, blocks: BlockList) -> None:
    """Replace the folder's block list; a reader sees the old one or the new one. Raises OSError."""
    staged = folder / f".{BLOCKS_FILE}.{os.getpid()}"
    descriptor = os.open(
        staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, SEGMENT_MODE
    )
    try:
        os.fchmod(descriptor, SEGMENT_MODE)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(blocks.to_bytes())
    finally:
        os.close(descriptor)
    staged.replace(folder / BLOCKS_FILE)


def make_folder(folder: Path) -> None:
    """Create a spool folder with its mode; one that is there stays as it is. Raises OSError."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)
