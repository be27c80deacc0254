"""The files of a hand-over to a new key, step by step, and what a crash after each step leaves.

    prepare   `.key.next` holds the new key       -> nothing is decided: the next start destroys it
    (log)     the proof stands in `handovers`     -> decided: the next start does the rest
    (log)     the checkpoint is published         -> as above
    settle    `.vkey` holds the new public key    -> `.key` does not fit it, `.key.next` does: as above
              `.key` is overwritten               -> as above
              `.key.next` becomes `.key`          -> done: the old private key is nowhere any more

An old key that stayed around could be stolen later. Overwriting is what a file system can be asked for; one
that copies on write, a snapshot and a backup keep what they have.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sealtrail.ledger.files import Disk, refusals
from sealtrail.ledger.handover import Handover
from sealtrail.ledger.layout import TEMPORARY, key_name
from sealtrail.ledger.note import VerifyKey
from sealtrail.ledger.sign import (
    Passphrase,
    TrailKey,
    is_locked,
    load_key,
    new_key,
    next_path,
    no_passphrase,
    public_of,
    write_key,
    write_vkey,
)


def prepare(
    keys: Path, trail: str, old: VerifyKey, disk: Disk | None = None, passphrase: Passphrase = no_passphrase
) -> TrailKey:
    """A key to follow `old`, waiting beside it. One that waited there before is destroyed."""
    disk = disk or Disk()
    path = next_path(keys, trail)
    destroy(path, disk)
    key = new_key(old.name)
    while key.key.id == old.id:  # notes tell keys of one name apart by four bytes
        key = new_key(old.name)
    write_key(path, key, disk, passphrase)
    return key


def settle(keys: Path, trail: str, handovers: Sequence[Handover], disk: Disk | None = None) -> bool:
    """End a hand-over that was decided, undo one that was not; True where one was undone.

    To be called while nobody writes the trail with the old key. Raises LedgerError (ledger.key, ledger.io).
    """
    disk = disk or Disk()
    path = next_path(keys, trail)
    for half in (
        path,
        keys / key_name(trail),
    ):  # a crash while a key was written leaves it in a file of no use
        left = half.with_name(half.name + TEMPORARY)
        if left.exists():
            destroy(left, disk)
    if not path.exists():
        return False
    new = public_of(path)
    if not handovers or handovers[-1].new != new:
        destroy(path, disk)
        return True
    write_vkey(keys, trail, new, disk)
    old = keys / key_name(trail)
    with refusals(path):
        _overwrite(old)
        disk.rename(path, old)
        disk.sync_folder(keys)
    return False


def protect(keys: Path, trail: str, passphrase: Passphrase, *, under: bool, disk: Disk | None = None) -> bool:
    """Put the key of a trail under the passphrase, or with `under` False take it out; False if it was so.

    To be called while nobody writes the trail. What the key was stored in before is overwritten.
    """
    disk = disk or Disk()
    path = keys / key_name(trail)
    key = load_key(path, passphrase)
    if is_locked(path) == under:
        return False
    with refusals(path):
        # Held open: the old file has no name any more when its bytes are overwritten, so no crash leaves us
        # without a key.
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            write_key(path, key, disk, passphrase if under else no_passphrase)
            _zero(old)
        finally:
            os.close(old)
    return True


def destroy(path: Path, disk: Disk) -> None:
    """Overwrite a private key and remove it."""
    with refusals(path):
        if path.exists():
            _overwrite(path)
        disk.unlink(path)
        disk.sync_folder(path.parent)


def _overwrite(path: Path) -> None:
    """Zeros over what is there. Not through `Disk`, which only appends."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        _zero(fd)
    finally:
        os.close(fd)


def _zero(fd: int) -> None:
    os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
    os.fsync(fd)
