"""The key of a witness: `witness.key`, secret, and `witness.vkey`, to be given away."""

from __future__ import annotations

import secrets
import struct
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.files import Disk, refusals, replace
from sealtrail.ledger.note import (
    COSIGNATURE_V1,
    COSIGNATURES,
    ML_DSA_44,
    Signature,
    VerifyKey,
    base64_bytes,
    base64_text,
    check_name,
    cosigned,
    malformed,
)
from sealtrail.ledger.sign import secret_in

KEY_FILE: Final = "witness.key"
VKEY_FILE: Final = "witness.vkey"

ALGORITHMS: Final = {"ed25519": COSIGNATURE_V1, "ml-dsa-44": ML_DSA_44}

_SECRET_PREFIX: Final = "PRIVATE+KEY+"  # noqa: S105 - the marker of the form, not a secret
_SEED_BYTES: Final = 32

# The name is hashed with its length in one byte (tlog-cosignature).
MAX_NAME_BYTES: Final = 255


class WitnessKey:
    """The private key of a witness. Nothing prints the secret but `secret_text`."""

    __slots__ = ("_seed", "_sign", "key")

    def __init__(self, name: str, kind: int, seed: bytes) -> None:
        if len(check_name(name).encode()) > MAX_NAME_BYTES:
            raise malformed(f"the name of a witness has at most {MAX_NAME_BYTES} bytes")
        self._seed = seed
        if kind == COSIGNATURE_V1:
            private = Ed25519PrivateKey.from_private_bytes(seed)
            self._sign, public = private.sign, private.public_key().public_bytes_raw()
        else:
            # Here: no log needs it, and older builds of OpenSSL lack it.
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

            secret = MLDSA44PrivateKey.from_seed_bytes(seed)
            self._sign, public = secret.sign, secret.public_key().public_bytes_raw()
        self.key = VerifyKey(name, kind, public)

    def __repr__(self) -> str:
        return f"WitnessKey({self.key.name!r})"

    def cosign(self, text: bytes, moment: int) -> Signature:
        """The signature line for a checkpoint's text, made at `moment`, seconds since 1970."""
        signed = self._sign(cosigned(self.key, text, moment))
        return Signature(self.key.name, self.key.id, struct.pack(">Q", moment) + signed)

    def secret_text(self) -> str:
        """PRIVATE+KEY+NAME+HEX8(id)+BASE64(type || seed)."""
        seed = base64_text(bytes((self.key.type,)) + self._seed)
        return f"{_SECRET_PREFIX}{self.key.name}+{self.key.id.hex()}+{seed}"

    @classmethod
    def from_secret_text(cls, text: str) -> WitnessKey:
        """Parse a private key. Errors never repeat it."""
        parts = text.removeprefix(_SECRET_PREFIX).split("+", 2)
        if not text.startswith(_SECRET_PREFIX) or len(parts) != 3:
            raise malformed("not a private key")
        try:
            data = base64_bytes(parts[2])
        except LedgerError:
            raise malformed("not a private key") from None
        if len(data) != 1 + _SEED_BYTES or data[0] not in COSIGNATURES:
            raise malformed("not the private key of a witness")
        key = cls(parts[0], data[0], data[1:])
        if key.key.id.hex() != parts[1]:
            raise malformed("the private key does not have the id it is given with")
        return key


def open_witness_key(
    folder: Path, name: str = "", algorithm: str = "", disk: Disk | None = None
) -> WitnessKey:
    """The key in a witness's folder; made when there is none.

    Raises LedgerError (ledger.key) for a key that others can read, and UsageError when `name` or `algorithm`
    is not what the key was made for: another name is another witness.
    """
    disk = disk or Disk()
    path = folder / KEY_FILE
    if not path.exists():
        _make(folder, name or f"sealtrail.local/witness-{secrets.token_hex(6)}", algorithm, disk)
    key = _load(path)
    if (name and name != key.key.name) or (algorithm and ALGORITHMS[algorithm] != key.key.type):
        raise UsageError(
            "usage.argument",
            f"{path} was made for {key.key.name}, and for another name or algorithm than was asked for",
            hint="Leave --name and --algorithm out, or give another folder: another key is another witness.",
        )
    public = folder / VKEY_FILE
    if not public.exists():  # a crash fell between the two files
        with refusals(public):
            replace(disk, public, f"{key.key.text}\n".encode())
    return key


def _make(folder: Path, name: str, algorithm: str, disk: Disk) -> None:
    key = WitnessKey(name, ALGORITHMS[algorithm or "ed25519"], secrets.token_bytes(_SEED_BYTES))
    with refusals(folder):
        # The public half can be made again from the secret one, not the other way round: so this order.
        replace(disk, folder / KEY_FILE, f"{key.secret_text()}\n".encode())
        replace(disk, folder / VKEY_FILE, f"{key.key.text}\n".encode())


def _load(path: Path) -> WitnessKey:
    try:
        return WitnessKey.from_secret_text(secret_in(path).removesuffix("\n"))
    except LedgerError as error:
        if error.code == "ledger.key":
            raise
        raise LedgerError("ledger.key", f"{path} is not the private key of a witness") from None
