"""The signing keys of a data folder: `keys/<trail>.key`, secret, and `keys/<trail>.vkey`, to be given away.

Both are one line in the forms that Go's note package writes, so that its tools can use them; a private key
under a passphrase is a PKCS #8 file (`protected`). While a trail is
handed over to a new key (`rotation`), that key waits in `keys/<trail>.key.next`.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.files import Disk, open_reading, read_exactly, read_file, refusals, replace
from sealtrail.ledger.layout import key_name, next_key_name, vkey_name
from sealtrail.ledger.note import ED25519, Signer, VerifyKey, base64_bytes, base64_text, check_name, malformed
from sealtrail.ledger.protected import BEGIN, lock, unlock

_SECRET_PREFIX: Final = "PRIVATE+KEY+"  # noqa: S105 - the marker of the form, not a secret
_SEED_BYTES: Final = 32
_MAX_KEY_BYTES: Final = 4096

Passphrase = Callable[[], bytes | None]
"""Gives the passphrase of private keys; None where there is none. Asked only when a key needs it."""


def no_passphrase() -> bytes | None:
    """Keys are not under a passphrase."""
    return None


class TrailKey:
    """The private key of one trail; a `note.Signer`. Nothing prints the secret but `secret_text`."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifyKey(check_name(name), ED25519, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"TrailKey({self.key.name!r})"

    def sign(self, text: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of `text`."""
        return self._private.sign(text)

    def secret_text(self) -> str:
        """PRIVATE+KEY+NAME+HEX8(id)+BASE64(type || seed)."""
        seed = bytes((ED25519,)) + self._private.private_bytes_raw()
        return f"{_SECRET_PREFIX}{self.key.name}+{self.key.id.hex()}+{base64_text(seed)}"

    def locked_text(self, passphrase: bytes) -> str:
        """The key under a passphrase."""
        return lock(self.key.text, self._private, passphrase)

    @classmethod
    def from_secret_text(cls, text: str) -> TrailKey:
        """Parse a private key. Errors never repeat it."""
        parts = text.removeprefix(_SECRET_PREFIX).split("+", 2)
        if not text.startswith(_SECRET_PREFIX) or len(parts) != 3:
            raise malformed("not a private key")
        name, key_id, encoded = parts
        try:
            data = base64_bytes(encoded)
        except LedgerError:
            raise malformed("not a private key") from None
        if len(data) != 1 + _SEED_BYTES or data[0] != ED25519:
            raise malformed("not an Ed25519 private key")
        key = cls(name, data[1:])
        if key.key.id.hex() != key_id:
            raise malformed("the private key does not have the id it is given with")
        return key


def open_key(
    keys: Path,
    trail: str,
    *,
    origin: str = "",
    disk: Disk | None = None,
    passphrase: Passphrase = no_passphrase,
) -> TrailKey:
    """The key of a trail; made when there is none.

    `origin` names the installation; empty, the name of its other trails is taken, else one is made up. With
    a passphrase a key that is made is put under it. Raises LedgerError (ledger.key) for a key that others can
    read, (ledger.passphrase), and UsageError when `origin` is not the one the key was made for: another name
    is another log.
    """
    disk = disk or Disk()
    path = keys / key_name(trail)
    if not path.exists():
        public = keys / vkey_name(trail)
        if public.exists():  # never by a crash: the private half is written first
            raise LedgerError(
                "ledger.key",
                f"{path} is gone, and {public} says that the trail has a key",
                hint="Put it back, or name the process that holds it with [ledger] signer. Where it is lost, "
                "`sealtrail restore` goes on in successor trails under new keys.",
            )
        _make(keys, trail, origin, disk, passphrase)
    _guard(keys)
    key = load_key(path, passphrase)
    if not key.key.name.endswith(f"/{trail}"):
        raise LedgerError("ledger.key", f"{path} belongs to {key.key.name}, not to the trail {trail}")
    if origin and key.key.name != f"{origin}/{trail}":
        raise UsageError(
            "usage.setting",
            f"ledger.origin is {origin!r}, but {path} was made for {key.key.name!r}",
            hint="Put the old origin back: an origin is the name of a log and cannot change.",
        )
    public = keys / vkey_name(trail)
    if not public.exists():  # a crash fell between the two files
        write_vkey(keys, trail, key.key, disk)
    elif read_vkey(public) != key.key:
        raise LedgerError(
            "ledger.key",
            f"{public} is not the public half of {path}",
            hint="The change to a new key was cut short: the next start of the server ends it."
            if next_path(keys, trail).exists()
            else "",
        )
    return key


def held_elsewhere(
    keys: Path, trail: str, signer: Signer, *, origin: str = "", disk: Disk | None = None
) -> Signer:
    """The signer of a trail whose private key is not in the folder; its public half is kept there.

    Raises LedgerError (ledger.key) where it is not the key of the trail, or where a private key is here too.
    """
    disk = disk or Disk()
    public, private = keys / vkey_name(trail), keys / key_name(trail)
    if private.exists():
        raise LedgerError(
            "ledger.key",
            f"{private} is here, and [ledger] signer says that another process holds the key",
            hint="Move it into the folder of the signer, or remove the setting.",
        )
    if origin and signer.key.name != f"{origin}/{trail}":
        raise LedgerError("ledger.key", f"the signer has a key of {signer.key.name}, not of {origin}/{trail}")
    if not public.exists():
        with refusals(keys):
            disk.mkdir(keys)
        write_vkey(keys, trail, signer.key, disk)
    elif read_vkey(public) != signer.key:
        raise LedgerError("ledger.key", f"{public} is not the public half of the key that the signer has")
    return signer


def next_path(keys: Path, trail: str) -> Path:
    """Where the key waits that a trail is to be handed over to."""
    return keys / next_key_name(trail)


def write_vkey(keys: Path, trail: str, key: VerifyKey, disk: Disk) -> None:
    """Put the public key of a trail in its place."""
    public = keys / vkey_name(trail)
    with refusals(public):
        replace(disk, public, f"{key.text}\n".encode())


def write_key(path: Path, key: TrailKey, disk: Disk, passphrase: Passphrase = no_passphrase) -> None:
    """Put a private key into a file, durably, for its owner alone; under the passphrase if there is one."""
    secret = passphrase()
    text = key.locked_text(secret) if secret is not None else f"{key.secret_text()}\n"
    with refusals(path):
        replace(disk, path, text.encode())


def read_vkey(path: Path) -> VerifyKey:
    """The public key in a file. Raises LedgerError (ledger.format), and OSError."""
    data = read_file(path, _MAX_KEY_BYTES)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise malformed(f"{path.name} is not a public key") from None
    key = VerifyKey.from_text(text.removesuffix("\n"))
    if f"{key.text}\n" != text:
        raise malformed(f"{path.name} is not a public key on one line")
    return key


def new_key(name: str) -> TrailKey:
    """A key that did not exist before."""
    return TrailKey(name, secrets.token_bytes(_SEED_BYTES))


def _make(keys: Path, trail: str, origin: str, disk: Disk, passphrase: Passphrase) -> None:
    key = new_key(f"{origin or _installation(keys)}/{trail}")
    with refusals(keys):
        disk.mkdir(keys)
    # The public half can be made again from the secret one, not the other way round: so this order.
    write_key(keys / key_name(trail), key, disk, passphrase)
    write_vkey(keys, trail, key.key, disk)


def _installation(keys: Path) -> str:
    """The name the other trails have, else a new one."""
    for path in sorted(keys.glob("*.vkey")):
        return read_vkey(path).name.rpartition("/")[0]
    return f"sealtrail.local/{secrets.token_hex(6)}"


def _guard(keys: Path) -> None:
    """Who can write in the folder can put a key of their own there."""
    mode = keys.stat().st_mode & 0o777
    if mode & 0o022:
        raise LedgerError(
            "ledger.key",
            f"others can write in {keys} (mode {mode:04o})",
            hint=f"Run `chmod 700 {keys}`, and ask who may have changed keys meanwhile.",
        )


def load_key(path: Path, passphrase: Passphrase = no_passphrase) -> TrailKey:
    """The private key in a file.

    Raises LedgerError (ledger.key) also where others can read it, (ledger.passphrase) where it is under a
    passphrase and the right one is not there.
    """
    text = secret_in(path)
    public = _locked_to(path, text)
    secret = passphrase() if public is not None else None
    if public is not None and secret is None:
        raise LedgerError(
            "ledger.passphrase",
            f"{path} is under a passphrase, and none was given",
            hint="Name its file in SEALTRAIL_SIGNER_PASSPHRASE_FILE, or in [ledger] passphrase-file.",
        )
    try:
        if public is None or secret is None:
            return TrailKey.from_secret_text(text.removesuffix("\n"))
        seed = unlock(text, secret)
    except LedgerError:
        raise LedgerError("ledger.key", f"{path} is not a private key") from None
    key = TrailKey(public.name, seed) if seed is not None else None
    if key is None or key.key != public:
        raise LedgerError(
            "ledger.passphrase",
            f"the passphrase does not open {path}",
            hint="It is the one the key was put under with `sealtrail signer protect`.",
        )
    return key


def public_of(path: Path) -> VerifyKey:
    """The public half of the private key in a file; no passphrase is needed. Raises as `load_key` does."""
    return _locked_to(path, secret_in(path)) or load_key(path).key


def is_locked(path: Path) -> bool:
    """Is the private key in a file under a passphrase? Raises as `load_key` does."""
    return _locked_to(path, secret_in(path)) is not None


def _locked_to(path: Path, text: str) -> VerifyKey | None:
    """The public key that a file under a passphrase names; None for one that is not."""
    vkey, _, rest = text.partition("\n")
    if not rest.startswith(BEGIN):
        return None
    try:
        return VerifyKey.from_text(vkey)
    except LedgerError:
        raise LedgerError("ledger.key", f"{path} does not name the key in it") from None


def secret_in(path: Path) -> str:
    """The text of a key file that nobody else can read. Raises LedgerError (ledger.key)."""
    try:
        fd = open_reading(path)
    except OSError as error:
        raise LedgerError("ledger.key", f"{path}: {error.strerror}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError("ledger.key", f"{path} is not a file")
        mode = found.st_mode & 0o777
        if mode & 0o077:
            raise LedgerError(
                "ledger.key",
                f"{path} can be read by others (mode {mode:04o})",
                hint=f"Run `chmod 600 {path}`, and ask who may have copied it meanwhile.",
            )
        data = read_exactly(fd, _MAX_KEY_BYTES, 0)
    finally:
        os.close(fd)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise LedgerError("ledger.key", f"{path} is not a private key") from None
