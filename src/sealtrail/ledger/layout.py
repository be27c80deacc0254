"""Every name and every binary form the ledger has on disk, and every limit with its reason. Pure.

trails/<trail>/
    checkpoint          the latest signed note
    checkpoints         every signed note, oldest first (checkpoint.history_record)
    active-000012       commit frames of volume 12, which is not sealed yet
    volume-000011.zst   a sealed volume: bundle records in the zstd seekable format
    volume-000011.tile  its C2SP level-1 tile: the hash of every 256 entries
    sealed              a line a sealed volume: number, root, SHA-256 of the .zst, bytes of the .zst
    handovers           the hand-overs to new keys, oldest first; absent while there was none (handover)
    witnessed           the latest note that the policy's witnesses cosigned; absent without witnesses
    pruned              first index that is still kept; absent while nothing was pruned
    torn-000000786432   bytes that recovery cut off at that index; never read again, kept for people
    timestamp-000000786432-0123456789abcdef.tsr  an RFC 3161 token over the checkpoint of that size
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from sealtrail.ledger.merkle import HASH_BYTES
from sealtrail.ledger.note import base64_bytes, base64_text, malformed

# --- names

TRAILS_FOLDER: Final = "trails"
KEYS_FOLDER: Final = "keys"
HOLDS_FOLDER: Final = "holds"  # copies of pruned entries that a hold is on; outside of any trail
CHECKPOINT: Final = "checkpoint"
HISTORY: Final = "checkpoints"
SEALED: Final = "sealed"
PRUNED: Final = "pruned"
HANDOVERS: Final = "handovers"
WITNESSED: Final = "witnessed"
TEMPORARY: Final = ".tmp"  # suffix of what is written first and renamed when whole
NEW_TRAIL: Final = ".new-"  # prefix of a trail folder that is not whole yet

TRAIL_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_NUMBERED: Final = re.compile(r"active-(\d{6,12})|volume-(\d{6,12})\.(?:zst|tile)", re.ASCII)

_TIMESTAMP: Final = re.compile(r"timestamp-(\d{12,19})-([0-9a-f]{16})\.tsr", re.ASCII)


def active_name(volume: int) -> str:
    return f"active-{volume:06d}"


def volume_name(volume: int) -> str:
    return f"volume-{volume:06d}.zst"


def tile_name(volume: int) -> str:
    return f"volume-{volume:06d}.tile"


def torn_name(index: int) -> str:
    return f"torn-{index:012d}"


def timestamp_name(size: int, digest: bytes) -> str:
    """A token over the checkpoint of `size` entries, with this SHA-256.

    Part of that is in the name, for a token has bits that nobody signs, and they could flip.
    """
    return f"timestamp-{size:012d}-{digest.hex()[:16]}.tsr"


def timestamp_of(name: str) -> tuple[int, str] | None:
    """The size that a token's name speaks of, and the hexadecimal part of its digest; else None."""
    found = _TIMESTAMP.fullmatch(name)
    return (int(found[1]), found[2]) if found is not None else None


def key_name(trail: str) -> str:
    """In the folder of keys: the private key of a trail."""
    return f"{trail}.key"


def next_key_name(trail: str) -> str:
    """In the folder of keys: the private key that a trail is to be handed over to."""
    return f"{trail}.key.next"


def vkey_name(trail: str) -> str:
    """In the folder of keys: the public key of a trail."""
    return f"{trail}.vkey"


def is_ledger_name(name: str) -> bool:
    """Does a file of this name belong in a trail folder?"""
    return (
        name in {CHECKPOINT, HISTORY, HANDOVERS, SEALED, PRUNED, WITNESSED}
        or _NUMBERED.fullmatch(name) is not None
        or timestamp_of(name) is not None
        or name.startswith("torn-")
        or name.endswith(TEMPORARY)
    )


# --- numbers

# 2^16 entries are an aligned subtree whose root is one level-2 tile hash, and what one process verifies at a
# time. Smaller powers of two (256 at least) exist for tests.
VOLUME_ENTRIES: Final = 65_536
VOLUME_DIGITS: Final = 12

# One compressed frame is what a reader unpacks for one entry: larger ones pack better, smaller ones open
# quicker. 1,024 is four bundles.
FRAME_ENTRIES: Final = 1_024

# C2SP tiles and bundles are 256 wide.
TILE_WIDTH: Final = 256
TILE_LEVELS: Final = 8

# The length of an entry is a 16-bit number.
MAX_ENTRY_BYTES: Final = 65_535

# A commit frame is read whole into memory. 255 entries of the largest size fit.
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
SAFE_FRAME_ENTRIES: Final = 255

# Written once in the background, kept for years: size counts. A good part of an event is random ids, and
# short accidental matches inside them cost more than they save. With matches of six bytes at least and a lazy
# search a captured event of 950 bytes takes 95 (104 at level 6 as it comes, 100 at level 1), an imported
# access line 38 (41 and 47), for 5 us of the sealing thread.
ZSTD_LEVEL: Final = 6
ZSTD_MIN_MATCH: Final = 6

# What a frame of a sealed volume may claim to unpack to: 1,024 entries of the largest size.
MAX_UNPACKED_BYTES: Final = FRAME_ENTRIES * (MAX_ENTRY_BYTES + 2)

# A line is about 130 bytes: this is the list of 30 thousand million entries.
MAX_SEALED_BYTES: Final = 64 * 1024 * 1024

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def volume_level(entries: int) -> int:
    """The height of a volume's subtree. `entries` is a power of two, 256 at least."""
    if entries < TILE_WIDTH or entries & (entries - 1):
        raise ValueError(f"a volume holds a power of two of entries, 256 at least, not {entries}")
    return entries.bit_length() - 1


# --- commit frames of an active file

FRAME_MAGIC: Final = b"STF1"
_HEADER: Final = struct.Struct(">4sIIQI")
HEADER_BYTES: Final = _HEADER.size  # of a commit frame; part of the format
_CRC_BYTES: Final = 4

# The first bytes of each entry's leaf hash stand behind the payload. The checksum tells that a frame was
# damaged, the marks tell which entry.
MARK_BYTES: Final = 4


class FrameHeader(msgspec.Struct, frozen=True, gc=False):
    """`payload` bytes of records for `count` entries, the first of which has index `first`."""

    payload: int
    count: int
    first: int
    crc: int

    @property
    def body(self) -> int:
        """Bytes behind the header: records and marks."""
        return self.payload + self.count * MARK_BYTES


def frame(first: int, entries: Sequence[bytes], hashes: Sequence[bytes]) -> bytes:
    """The commit frame of `entries`, whose leaf hashes are given."""
    payload = records(entries)
    marks = b"".join([h[:MARK_BYTES] for h in hashes])
    head = _HEADER.pack(FRAME_MAGIC, len(payload), len(entries), first, 0)[:-_CRC_BYTES]
    crc = zlib.crc32(marks, zlib.crc32(payload, zlib.crc32(head)))
    return b"".join((head, crc.to_bytes(_CRC_BYTES, "big"), payload, marks))


def frame_header(data: bytes) -> FrameHeader | None:
    """The header `data` begins with, or None where no frame begins: cut short, foreign or out of range."""
    if len(data) < HEADER_BYTES:
        return None
    magic, payload, count, first, crc = _HEADER.unpack_from(data)
    if magic != FRAME_MAGIC or not 0 < payload <= MAX_PAYLOAD_BYTES or not 0 < count <= payload // 3:
        return None
    return FrameHeader(payload, count, first, crc)


def frame_is_whole(header: FrameHeader, body: bytes) -> bool:
    """Does the checksum agree with the header and the body behind it?"""
    head = _HEADER.pack(FRAME_MAGIC, header.payload, header.count, header.first, 0)[:-_CRC_BYTES]
    return len(body) == header.body and zlib.crc32(body, zlib.crc32(head)) == header.crc


# --- bundle records: what frames, volumes and C2SP entry bundles are made of


def records(entries: Sequence[bytes]) -> bytes:
    """uint16-BE length || entry, for each."""
    parts: list[bytes] = []
    for entry in entries:
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def split_records(data: bytes) -> list[bytes]:
    """The entries of bundle records. Raises LedgerError (ledger.format) where they do not add up."""
    entries = []
    start, end = 0, len(data)
    try:
        while start < end:
            stop = start + 2 + (data[start] << 8 | data[start + 1])
            entries.append(data[start + 2 : stop])
            start = stop
    except IndexError:
        raise malformed("the last record is cut short") from None
    if start != end:
        raise malformed("the last record is cut short")
    return entries


# --- the list of sealed volumes


class SealedLine(NamedTuple):
    """What `sealed` says of one volume."""

    volume: int
    root: bytes
    sha256: bytes
    size: int

    @property
    def text(self) -> str:
        return f"{self.volume} {base64_text(self.root)} {self.sha256.hex()} {self.size}\n"


def sealed_text(lines: Sequence[SealedLine]) -> bytes:
    return "".join(line.text for line in lines).encode()


def sealed_lines(data: bytes) -> list[SealedLine]:
    """Parse `sealed`: volumes from 0 on without a gap. Raises LedgerError (ledger.format)."""
    lines = []
    for number, row in enumerate(data.split(b"\n")[:-1]):
        fields = row.decode("ascii", "replace").split(" ")
        try:
            line = SealedLine(
                int(fields[0]), base64_bytes(fields[1]), bytes.fromhex(fields[2]), int(fields[3])
            )
        except (ValueError, IndexError):
            raise malformed(f"line {number + 1} of {SEALED} cannot be read") from None
        if line.volume != number or len(line.root) != HASH_BYTES or line.text.encode() != row + b"\n":
            raise malformed(f"line {number + 1} of {SEALED} cannot be read")
        lines.append(line)
    if sealed_text(lines) != data:
        raise malformed(f"{SEALED} does not end with a line end")
    return lines


# --- the zstd seekable format: a table of frames in a skippable frame at the end of the file

_SKIPPABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_SEEK_HEAD: Final = struct.Struct("<II")
_SEEK_ROW: Final = struct.Struct("<II")
_SEEK_FOOT: Final = struct.Struct("<IBI")
SEEK_FOOT_BYTES: Final = _SEEK_FOOT.size  # of zstd's seek table; part of the format
MAX_SEEK_FRAMES: Final = VOLUME_ENTRIES // TILE_WIDTH  # of one volume: a frame never holds less than a tile


def seek_table(frames: Sequence[tuple[int, int]]) -> bytes:
    """The closing skippable frame for (packed, unpacked) sizes of the frames before it."""
    rows = b"".join(_SEEK_ROW.pack(*sizes) for sizes in frames)
    foot = _SEEK_FOOT.pack(len(frames), 0, _SEEKABLE)
    return _SEEK_HEAD.pack(_SKIPPABLE, len(rows) + len(foot)) + rows + foot


def seek_table_bytes(foot: bytes) -> int:
    """Length of the whole skippable frame, from the last nine bytes of a file."""
    if len(foot) != SEEK_FOOT_BYTES:
        raise malformed("the file is too short to be a sealed volume")
    count, descriptor, magic = _SEEK_FOOT.unpack(foot)
    if magic != _SEEKABLE or descriptor != 0 or not 0 < count <= MAX_SEEK_FRAMES:
        raise malformed("the seek table at the end of the file cannot be read")
    return int(_SEEK_HEAD.size + count * _SEEK_ROW.size + _SEEK_FOOT.size)


def seek_rows(table: bytes) -> list[tuple[int, int]]:
    """(packed, unpacked) sizes from a skippable frame of `seek_table_bytes` bytes."""
    rows = list(_SEEK_ROW.iter_unpack(table[_SEEK_HEAD.size : -SEEK_FOOT_BYTES]))
    if seek_table(rows) != table or any(unpacked > MAX_UNPACKED_BYTES for _, unpacked in rows):
        raise malformed("the seek table at the end of the file cannot be read")
    return rows


# --- C2SP tlog-tiles paths


def tile_path(level: int | None, number: int, width: int = TILE_WIDTH) -> str:
    """`tile/<level>/<number>[.p/<width>]`; level None is the entry bundles."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    name = "/".join(groups) + (f".p/{width}" if width < TILE_WIDTH else "")
    return f"tile/{'entries' if level is None else level}/{name}"


_TILE: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII
)


def tile_of(path: str) -> tuple[int | None, int, int]:
    """(level, number, width) of a `tile_path`. Raises LedgerError (ledger.format)."""
    match = _TILE.fullmatch(path)
    if match is not None:
        level = None if match[1] == "entries" else int(match[1])
        number = int(match[2].replace("/x", "").replace("x", "").replace("/", ""))
        width = int(match[3] or TILE_WIDTH)
        # Each tile has one name: `x000/001` and `.p/256` are none.
        if tile_path(level, number, width) == path:
            return level, number, width
    raise malformed("not the path of a tile")


# --- the floor left by pruning


def pruned_text(end: int) -> bytes:
    return b"%d\n" % end


def pruned_end(data: bytes) -> int:
    """First index still kept. Raises LedgerError (ledger.format)."""
    digits = data[:-1]
    if not digits.isdigit() or len(digits) > 18 or pruned_text(int(digits)) != data:
        raise malformed(f"{PRUNED} cannot be read")
    return int(digits)
