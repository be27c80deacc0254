"""Where the passphrase of the signing keys comes from. Never from the command line, which others can see.

In this order: the file that `SEALTRAIL_SIGNER_PASSPHRASE_FILE` names (also `/dev/fd/3`, or a pipe), the
variable `SEALTRAIL_SIGNER_PASSPHRASE`, the systemd credential `sealtrail-passphrase`, the file in `[ledger]
passphrase-file`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError
from sealtrail.settings import LedgerSettings

FILE: Final = "SEALTRAIL_SIGNER_PASSPHRASE_FILE"
VALUE: Final = "SEALTRAIL_SIGNER_PASSPHRASE"
CREDENTIAL: Final = "sealtrail-passphrase"

MAX_PASSPHRASE_BYTES: Final = 1024  # a passphrase is for people; what is longer is another file


class Passphrases:
    """Gives the passphrase when it is first needed, and from then on without reading it again."""

    def __init__(self, settings: LedgerSettings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = environment
        self._known: bytes | None = None

    def __repr__(self) -> str:
        return "Passphrases()"

    def __call__(self) -> bytes | None:
        """None where none is configured. Raises LedgerError (ledger.passphrase) where it cannot be read."""
        if self._known is None:
            self._known = self._found()
        return self._known

    def _found(self) -> bytes | None:
        named = self._environment.get(FILE)
        if named:
            return _read(Path(named), private=True)
        value = self._environment.get(VALUE)
        if value:
            return value.encode()
        credentials = self._environment.get("CREDENTIALS_DIRECTORY")
        if credentials and (Path(credentials) / CREDENTIAL).exists():
            # systemd guards it, with modes that look wider than they are.
            return _read(Path(credentials) / CREDENTIAL, private=False)
        if self._settings.passphrase_file:
            return _read(Path(self._settings.passphrase_file), private=True)
        return None


def _read(path: Path, *, private: bool) -> bytes:
    """The first line of a file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            if private and stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                raise LedgerError(
                    "ledger.passphrase",
                    f"{path} can be read by others (mode {found.st_mode & 0o777:04o})",
                    hint=f"Run `chmod 600 {path}`, and choose another one if it may be known.",
                )
            data = b""
            while len(data) <= MAX_PASSPHRASE_BYTES and (part := os.read(fd, MAX_PASSPHRASE_BYTES + 1)):
                data += part
        finally:
            os.close(fd)
    except OSError as error:
        raise LedgerError("ledger.passphrase", f"{path}: {error.strerror}") from None
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line or len(data) > MAX_PASSPHRASE_BYTES:
        what = "is empty" if not line else f"has more than {MAX_PASSPHRASE_BYTES:,} bytes"
        raise LedgerError("ledger.passphrase", f"{path} {what}: a passphrase stands on its first line")
    return line
