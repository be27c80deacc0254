"""Keyed hashes for what must be comparable but not readable: attempted names, tokens, sessions.

The key comes from the environment, or is kept beside the segments, so that hashes stay comparable across
processes and restarts. Who has the key can test guesses; nobody can read a value.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sealtrail.capture.keyring import signing
from sealtrail.scrub.policy import key_id, keyed

if TYPE_CHECKING:
    from hashlib import _Hash

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
            pads = self._pads = _pads(self._signing())
        # HMAC-SHA-256, by copies of the two states that depend on the key alone: a third of the price.
        inner, outer = pads[0].copy(), pads[1].copy()
        inner.update(f"{purpose}\0{value[:_MAX_VALUE]}".encode("utf-8", "backslashreplace"))
        outer.update(inner.digest())
        return outer.hexdigest()[:_SHOWN]

    def of_session(self, value: str) -> str:
        """Hash of a session's id or content. All of it counts, however long it is."""
        if len(value) > _MAX_VALUE:
            value = sha256(value.encode("utf-8", "backslashreplace")).hexdigest()
        return self.of("session", value)

    def scrubbed(self, value: str) -> str:
        """`KEY:HASH` of a secret that scrubbing found: the key's id, and the hash under it."""
        return keyed(self._signing(), value)

    def _signing(self) -> bytes:
        if not self._key:
            self._key = signing(self._folder)
        return self._key

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


def hashes_of(keys: Iterable[bytes], value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """For each key its id, and a value's hashes under it: by scrubbing, and in fields that hold hashes."""
    for key in keys:
        made = Pseudonyms(key.decode("utf-8", "surrogateescape"), Path())
        yield (
            key_id(key),
            {
                "scrubbed": made.scrubbed(value).partition(":")[2],
                "user.hash": made.of_name(value),
                "sealtrail.auth.token_hash": made.of_token(value),
                "sealtrail.session.hash": made.of_session(value),
            },
        )
