"""Keys that are not to be trusted above a size: what a verifier is told of a stolen key. Pure.

`VKEY@SIZE`, a line each: what the key signed up to SIZE entries counts, what it signed above does not, unless
a key that is trusted covers it. A checkpoint holds no time, so a revocation is by size; the log says when it
had that size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from sealtrail.ledger.checkpoint import MAX_SIZE
from sealtrail.ledger.note import ED25519, VerifyKey, malformed

# A line is below 300 bytes: a thousand stolen keys.
MAX_REVOKED_BYTES: Final = 300_000


class Revocation(msgspec.Struct, frozen=True):
    """`key` counts up to checkpoints of `size` entries, and no further."""

    key: VerifyKey
    size: int

    @property
    def text(self) -> str:
        """VKEY@SIZE."""
        return f"{self.key.text}@{self.size}"

    @classmethod
    def from_text(cls, text: str) -> Revocation:
        """Parse VKEY@SIZE. Raises LedgerError (ledger.format)."""
        vkey, at, digits = text.rpartition("@")
        if not at or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise malformed(f"not a revocation: {text[:60]!r}, expected VKEY@SIZE")
        key = VerifyKey.from_text(vkey)
        if key.type != ED25519 or int(digits) > MAX_SIZE:
            raise malformed("the key is not an Ed25519 key, or the size is out of range")
        return cls(key, int(digits))


def revocations_in(data: bytes) -> list[Revocation]:
    """Every line of a list of revocations. Raises LedgerError (ledger.format)."""
    if len(data) > MAX_REVOKED_BYTES:
        raise malformed(f"more than {MAX_REVOKED_BYTES:,} bytes of revocations")
    try:
        return [Revocation.from_text(line) for line in data.decode().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise malformed("the revocations are not UTF-8") from None


def limits(revoked: Iterable[Revocation]) -> dict[VerifyKey, int]:
    """How far each key counts: of two lines about one key, the stricter one."""
    found: dict[VerifyKey, int] = {}
    for one in revoked:
        found[one.key] = min(one.size, found.get(one.key, one.size))
    return found
