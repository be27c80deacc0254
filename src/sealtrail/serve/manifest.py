"""What a backup says of itself: which files it is made of, and how far its trails reach.

The manifest is written last: a folder without one is no backup. It is not signed and proves nothing against
somebody who wants to deceive, which is what the trails' own checkpoints are for. It catches everything else:
a disk that rots, a copy that was cut short, a file that was left out or put in.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.errors import UsageError

MANIFEST: Final = "manifest.json"


class Copied(msgspec.Struct, frozen=True):
    """One file: path within the backup, bytes, SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


class Reach(msgspec.Struct, frozen=True):
    """How many entries of a trail there are, and the last note it signed within them."""

    size: int
    checkpoint: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`made` is RFC 3339 in UTC; `keys` says whether the secret half of `keys/` is in it."""

    backup: Literal[1]
    made: str
    version: str
    keys: bool
    trails: dict[str, Reach]
    files: list[Copied]

    @property
    def data(self) -> bytes:
        """The manifest as it stands in the file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @classmethod
    def load(cls, backup: Path) -> Manifest:
        """The manifest of a backup. Raises UsageError where there is none that can be read."""
        try:
            return msgspec.json.decode((backup / MANIFEST).read_bytes(), type=cls)
        except OSError:
            raise UsageError(
                "usage.path",
                f"{backup} holds no {MANIFEST}, so it is not a whole backup",
                hint="Name a folder that `sealtrail backup` made. One ending in .partial was never finished.",
            ) from None
        except msgspec.MsgspecError as error:
            raise _unlike(backup, f"{MANIFEST} cannot be read: {error}") from None

    def check(self, backup: Path) -> None:
        """Hold every file of a backup against the manifest. Raises UsageError (usage.backup)."""
        there = files_in(backup)
        there.pop(MANIFEST, None)
        told = {file.path: file for file in self.files}
        for path in sorted(there.keys() ^ told.keys()):
            raise _unlike(backup, f"{path} is {'not in the manifest' if path in there else 'missing'}")
        for path, file in told.items():
            size, digest = digest_of(there[path])
            if (size, digest) != (file.size, file.sha256):
                raise _unlike(backup, f"{path} is not what it was when the backup was made")


def files_in(folder: Path) -> dict[str, Path]:
    """Every file in a folder by its path within it. Raises UsageError for what is neither file nor folder."""
    found = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                # A link in a backup from elsewhere could lead a restore anywhere.
                raise _unlike(folder, f"{path.relative_to(folder)} is neither a file nor a folder")
            if stat.S_ISREG(mode):
                found[path.relative_to(folder).as_posix()] = path
    return found


def digest_of(path: Path) -> tuple[int, str]:
    """(bytes, SHA-256 in hexadecimal) of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _unlike(backup: Path, what: str) -> UsageError:
    return UsageError(
        "usage.backup",
        f"{backup}: {what}",
        hint="Restore from another backup, and keep this one: what changed it is worth knowing.",
    )
