"""`sealtrail signer serve`: the process that holds the keys, for a collector that cannot read them."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sealtrail.errors import LedgerError, UsageError
from sealtrail.event import TRAILS, base_of
from sealtrail.ledger.layout import TRAIL_NAME
from sealtrail.ledger.note import Signer
from sealtrail.ledger.remote import ANSWER_SECONDS, Held, RemoteSigner, answer, read_line
from sealtrail.ledger.sign import Passphrase, no_passphrase, open_key

_log = logging.getLogger("sealtrail.signer")

SCHEME: Final = "unix:"
MAX_KEYS: Final = 100  # a trail and fifty restores: whoever reaches the socket must not fill the disk

STATE_SUFFIX: Final = ".signed"  # of the file that holds the last checkpoint signed


def address(text: str) -> Path:
    """The socket of `unix:PATH`. Raises UsageError."""
    path = Path(text.removeprefix(SCHEME))
    if not text.startswith(SCHEME) or not path.is_absolute():
        raise UsageError(
            "usage.setting",
            f"not the address of a signer: {text!r}",
            hint="Expected unix:/PATH, from the root.",
        )
    return path


class SignerServer:
    """Holds the keys in `keys`, made where there are none, and answers one question at a time."""

    def __init__(
        self,
        keys: Path,
        path: Path,
        *,
        origin: str = "",
        passphrase: Passphrase = no_passphrase,
    ) -> None:
        self._keys, self._path = keys, path
        self._origin, self._passphrase = origin, passphrase
        self._held: dict[str, Held] = {}
        for trail in TRAILS:
            self._of(trail)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    @property
    def vkeys(self) -> list[str]:
        """The public keys."""
        return [one.key.text for one in self._held.values()]

    def _of(self, trail: str) -> Held:
        """The key of a trail; made for one that is asked for the first time, as a restore does."""
        if trail not in self._held:
            if (
                TRAIL_NAME.fullmatch(trail) is None
                or base_of(trail) not in TRAILS
                or len(self._held) >= MAX_KEYS
            ):
                raise KeyError(trail)
            key = open_key(self._keys, trail, origin=self._origin, passphrase=self._passphrase)
            self._held[trail] = Held(key, self._keys / f"{trail}{STATE_SUFFIX}")
        return self._held[trail]

    def __enter__(self) -> Self:
        """Listen. Raises UsageError where another thing lies at the path, LedgerError where one answers."""
        try:
            if self._path.exists() or self._path.is_symlink():
                self._clear()
            before = os.umask(0o117)
            try:
                self._socket.bind(str(self._path))
            finally:
                os.umask(before)
            self._socket.listen()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._path.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove the socket of a signer that died."""
        if not stat.S_ISSOCK(self._path.lstat().st_mode):
            raise UsageError("usage.path", f"{self._path} is there and is not a socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                self._path.unlink()
                return
        raise LedgerError("ledger.locked", f"another signer listens at {self._path}")

    def serve(self) -> None:
        """Answer until `stop`."""
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(ANSWER_SECONDS)
                try:
                    said = answer(read_line(line), self._of)
                    line.sendall(said)
                except OSError as error:
                    _log.warning("a question could not be answered: %s", error)
                    continue
                if said.startswith(b"no "):
                    _log.warning("refused: %s", said[3:].decode("utf-8", "replace").strip())

    def stop(self) -> None:
        """End `serve`. Safe to call twice, and from a signal's handler."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def signers(text: str) -> Callable[[str], Signer] | None:
    """What gives the signer of a trail, at `unix:PATH`; None for keys in the folder. Raises UsageError."""
    if not text:
        return None
    path = address(text)
    return lambda trail: RemoteSigner(path, trail)
