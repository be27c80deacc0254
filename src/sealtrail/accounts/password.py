"""Passwords: hashed with scrypt (RFC 7914), whose memory is what makes guessing dear.

The parameters stand in the hash, so that they can grow: `scrypt$N$r$p$SALT$HASH`, the last two in base64.

As in NIST SP 800-63B what counts is length, and that a password is none of those that are guessed first; no
kinds of characters are asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import unicodedata
from base64 import b64decode, b64encode
from typing import Final

from sealtrail.accounts.guessable import guessable
from sealtrail.errors import UsageError

MIN_CHARACTERS: Final = 12  # our choice without a second factor; NIST SP 800-63B has 8 (revision 3), 15 (4)
MAX_CHARACTERS: Final = 1024  # far beyond any passphrase, and nothing to burn time with
MAX_AT_ONCE: Final = 2  # hashes computed at the same time, 32 MiB each: strangers may ask for them

_N: Final = 2**15
_R: Final = 8
_P: Final = 3  # with N and r the cost OWASP's password storage cheat sheet names for 32 MiB
_MEMORY: Final = 64 * 1024 * 1024  # what OpenSSL may take; it wants a little over 128 * N * r
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


def hashed(password: str, name: str = "") -> str:
    """A new hash of the password of a person. Raises UsageError for a short, endless or guessable one."""
    hint = (
        "Four or five words that have nothing to do with one another are long enough and can be remembered."
    )
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise UsageError(
            "usage.password", f"a password has {MIN_CHARACTERS} to {MAX_CHARACTERS:,} characters", hint=hint
        )
    if guessable(password, name):
        raise UsageError(
            "usage.password",
            "a password of names, common words, sequences and repetitions is among the first to be guessed",
            hint=hint,
        )
    salt = os.urandom(_SALT_BYTES)
    parts = (_N, _R, _P, b64encode(salt).decode(), b64encode(_scrypt(password, salt, _N, _R, _P)).decode())
    return "scrypt$" + "$".join(str(part) for part in parts)


def matches(password: str, stored: str) -> bool:
    """Whether a password is the one of a hash. What cannot be read matches nothing, at the same cost."""
    try:
        kind, n, r, p, salt, wanted = stored.split("$")
        given = _scrypt(password[:MAX_CHARACTERS], b64decode(salt), int(n), int(r), int(p))
        return kind == "scrypt" and hmac.compare_digest(given, b64decode(wanted))
    except ValueError:
        _scrypt("", b"", _N, _R, _P)
        return False


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same word typed on two keyboards can arrive composed or not: it must be the same word.
    data = unicodedata.normalize("NFKC", password).encode(errors="replace")
    with _slots:
        return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=_HASH_BYTES)


NOBODYS: Final = (
    f"scrypt${_N}${_R}${_P}${b64encode(bytes(_SALT_BYTES)).decode()}${b64encode(bytes(_HASH_BYTES)).decode()}"
)
"""Stands in for the hash of a name that does not exist: comparing costs as much, and never matches."""
