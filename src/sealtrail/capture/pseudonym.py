"""Keyed hashes for what must be comparable but not readable: attempted names, tokens, sessions.

The key comes from the environment, or is made once and kept beside the segments, so that hashes stay
comparable across processes and restarts. Who has the key can test guesses; nobody can read a value.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sealtrail.spool.layout import KEY_MODE, PSEUDONYM_KEY_FILE, make_folder

if TYPE_CHECKING:
    from hashlib import _Hash

_log: Final = logging.getLogger("sealtrail")
_KEY_BYTES: Final = 32
_SHOWN: Final = 32
_BLOCK: Final = 64
_MAX_TOKENS: Final = 1024
# An attempted name is typed by a client.
_MAX_VALUE: Final = 1024
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}", re.ASCII)


class Pseudonyms:
    """Hashes of one installation. `key` empty: the key file in `folder`, made where there is none.

    `has_key` says whether a key was given.
    """

    def __init__(self, key: str, folder: Path) -> None:
        self.has_key = bool(key)
        self._key = key.encode("utf-8", "surrogateescape")
        self._folder = folder
        self._salt = secrets.token_hex(16)
        self._tokens: dict[int, str] = {}
        self._headers: dict[int, tuple[str, str]] = {}
        self._pads: tuple[_Hash, _Hash] | None = None

    def of_token(self, token: str) -> str:
        """Hash of a credential, which comes with every request of a session.

        What is remembered is not the credential but the interpreter's keyed hash of it and of a random text:
        two of a thousand would have to agree in 64 bits to be taken for each other.
        """
        key = hash(self._salt + token)
        known = self._tokens.get(key)
        if known is None:
            # Without the scheme before it: the same token hashes alike wherever it is presented.
            known = self.of("token", token.partition(" ")[2] or token)
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[key] = known
        return known

    def of_authorization(self, header: str) -> tuple[str, str]:
        """Scheme and hash of the credential in an Authorization header, remembered as for `of_token`."""
        key = hash(self._salt + header)
        known = self._headers.get(key)
        if known is None:
            known = (_scheme(header), self.of_token(header))
            if len(self._headers) >= _MAX_TOKENS:
                self._headers.clear()
            self._headers[key] = known
        return known

    def of(self, purpose: str, value: str) -> str:
        """32 hexadecimal digits; the same value hashes differently for another purpose."""
        pads = self._pads
        if pads is None:
            pads = self._pads = _pads(self._key or _kept_key(self._folder))
        # HMAC-SHA-256, by copies of the two states that depend on the key alone: a third of the price.
        inner, outer = pads[0].copy(), pads[1].copy()
        inner.update(f"{purpose}\0{value[:_MAX_VALUE]}".encode("utf-8", "backslashreplace"))
        outer.update(inner.digest())
        return outer.hexdigest()[:_SHOWN]

    def of_name(self, name: str) -> str:
        """Hash of a user name, the same however it was written: case, blanks and Unicode forms are evened."""
        return self.of("user", unicodedata.normalize("NFKC", name[:_MAX_VALUE]).strip().casefold())


def _scheme(authorization: str) -> str:
    """The scheme of an Authorization header; `other` where it holds nothing but a credential."""
    scheme, _, credential = authorization.partition(" ")
    return scheme.lower() if credential and _SCHEME.fullmatch(scheme) is not None else "other"


def _pads(key: bytes) -> tuple[_Hash, _Hash]:
    """The states of HMAC (RFC 2104) after the key."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(bytes(b ^ 0x36 for b in block)), sha256(bytes(b ^ 0x5C for b in block))


def _kept_key(folder: Path) -> bytes:
    path = folder / PSEUDONYM_KEY_FILE
    try:
        return _read(path) or _make(folder, path)
    except OSError as error:
        # Hashes of this process are then comparable with nothing else, which is better than no hash.
        with contextlib.suppress(Exception):  # a handler is the application's code
            _log.warning("the key for hashes cannot be kept in %s: %s", folder, error.strerror)
        return secrets.token_bytes(_KEY_BYTES)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(4 * _KEY_BYTES).strip()


def _make(folder: Path, path: Path) -> bytes:
    """Make the key, unless another process was first: whoever links its file wins, and all read that."""
    make_folder(folder)
    staged = folder / f".{PSEUDONYM_KEY_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, KEY_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(_KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(staged, path)
    finally:
        staged.unlink(missing_ok=True)
    return _read(path)
