"""The keys of an installation's hashes: the newest makes them, older ones stay known after a rotation.

They come from the environment, or from a file beside the segments, one a line, the newest first. The file is
made once, whichever process is first. A process reads it when it first hashes: after a rotation the next
start of the application uses the new key.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sealtrail.spool.durable import sync_folder
from sealtrail.spool.layout import KEY_MODE, PSEUDONYM_KEY_FILE, make_folder
from sealtrail.spool.trusted import read_trusted

_log: Final = logging.getLogger("sealtrail")
_KEY_BYTES: Final = 32
_MIN_KEY: Final = 32  # characters of a key in a file: with fewer, values could be guessed
# A search for a value asks for its hash under each: what was rotated away longer ago is forgotten.
MAX_KEYS: Final = 32
_MAX_FILE: Final = MAX_KEYS * 256
_unkept: Final[dict[Path, bytes]] = {}


def signing(folder: Path) -> bytes:
    """The newest key in a folder, made where there is none. Never raises OSError."""
    path = folder / PSEUDONYM_KEY_FILE
    keys: tuple[bytes, ...] = ()
    try:
        keys = _read(path) or _make(folder, path)
        why = _fault(keys)
    except OSError as error:
        why = error.strerror or str(error)
    if not why:
        return keys[0]
    # Hashes of this process are then comparable with nothing else, which is better than no hash. All of its
    # services, and its policy of scrubbing, use the one key.
    known = _unkept.get(folder)
    if known is not None:
        return known
    with contextlib.suppress(Exception):  # a handler is the application's code
        _log.warning("the key for hashes cannot be kept in %s: %s", folder, why)
    return _unkept.setdefault(folder, secrets.token_bytes(_KEY_BYTES))


def _fault(keys: Sequence[bytes]) -> str:
    """Why the newest of these makes no hashes; empty where it does."""
    if not keys:
        return "the file is empty"
    if len(keys[0]) < _MIN_KEY:
        return "the newest key was cut short; `sealtrail scrub --rotate` puts one before it"
    return ""


def known(key: str, old: Sequence[str], folder: Path) -> tuple[bytes, ...]:
    """Every key of an installation, the one that makes hashes first. Makes none. Raises OSError."""
    given = [text.encode("utf-8", "surrogateescape") for text in (key, *old) if text]
    return tuple(dict.fromkeys((*given, *_read(folder / PSEUDONYM_KEY_FILE))))


def rotate(folder: Path) -> tuple[bytes, ...]:
    """Put a new key before those in a folder; all of them. Raises OSError, and the file is as it was then."""
    path = folder / PSEUDONYM_KEY_FILE
    make_folder(folder)
    # An application that makes its first key at this moment must not lose it.
    keys = (() if _read(path) else _make(folder, path)) or _replaced(folder, path)
    # A name that a power cut takes back would leave events whose hashes no key explains.
    sync_folder(folder)
    return keys


def _replaced(folder: Path, path: Path) -> tuple[bytes, ...]:
    # Of two at once, the second would otherwise put back a file that lacks the first one's key. The folder
    # cannot be what is locked: whoever empties it holds that for as long as it runs.
    locked = _locked(path)
    try:
        old = _read(path)
        keys = (_new(), *old)[:MAX_KEYS]
        staged = _staged(folder, keys)
        try:
            # Whoever rotates, the application must be able to read it.
            owner = os.fstat(locked)
            os.chown(staged, owner.st_uid, owner.st_gid)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
    finally:
        os.close(locked)
    return keys


def _locked(path: Path) -> int:
    """The file of keys, held by this process alone until it is closed."""
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another one may have put its file there while this one waited.
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _new() -> bytes:
    return secrets.token_hex(_KEY_BYTES).encode()


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        written = read_trusted(path, _MAX_FILE, flags=os.O_NOFOLLOW)
    except FileNotFoundError:
        return ()
    return tuple(written.split()[:MAX_KEYS])


def _make(folder: Path, path: Path) -> tuple[bytes, ...]:
    """Make the key, unless another process was first: whoever links its file wins, and all read that."""
    make_folder(folder)
    staged = _staged(folder, (_new(),))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(staged, path)
    finally:
        staged.unlink(missing_ok=True)
    return _read(path)


def _staged(folder: Path, keys: Sequence[bytes]) -> Path:
    """A file of these keys beside the one that counts, on the disk."""
    staged = folder / f".{PSEUDONYM_KEY_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, KEY_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(key + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # On a full disk, each start of the application would leave one more.
        staged.unlink(missing_ok=True)
        raise
    return staged
