"""A signing key that another process holds, and the rule by which that process signs.

The collector asks over a Unix socket, a line a question and a line an answer; the form is our own:

    key TRAIL                    ->  ok VKEY
    sign TRAIL BASE64(text)      ->  ok BASE64(signature)
    anything that is refused     ->  no WHY

The holder of the key signs checkpoints of its log and nothing else, and never two of one size with different
roots, nor one that is smaller than it signed before: it remembers the last, durably, before it answers. So
who takes the collector over can let the log go on, and cannot have an earlier state of it signed again. It
does not see the entries: a larger checkpoint that does not go on from the last one is for witnesses to find.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, SealtrailError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk, read_file, refusals, replace
from sealtrail.ledger.note import Signer, VerifyKey, base64_bytes, base64_text

# A checkpoint is below 300 bytes, its name at most so long that it fits.
MAX_LINE_BYTES: Final = 4096

# A signer that is started anew is waited for; the writer waits with it, and nothing is lost.
PATIENCE_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.1  # between two tries to reach it
ANSWER_SECONDS: Final = 10.0  # for one answer: it syncs a file before it gives one


def refused(what: str) -> LedgerError:
    """The signer does not sign, or cannot be reached."""
    return LedgerError(
        "ledger.signer", what, hint="Look at `sealtrail signer serve` and its log; then start again."
    )


class Held:
    """The holder's side of one key: the rule. `answer` may be called by one thread at a time."""

    def __init__(self, signer: Signer, state: Path, disk: Disk | None = None) -> None:
        """`state` is the file that holds the last checkpoint signed. Raises LedgerError (ledger.format)."""
        self._signer = signer
        self._state = state
        self._disk = disk or Disk()
        self._last: Checkpoint | None = None
        if state.exists():
            self._last = Checkpoint.from_text(read_file(state, MAX_LINE_BYTES))
            if self._last.origin != signer.key.name:
                raise LedgerError("ledger.format", f"{state} speaks of {self._last.origin}")

    @property
    def key(self) -> VerifyKey:
        return self._signer.key

    def sign(self, text: bytes) -> bytes:
        """The signature of a checkpoint. Raises LedgerError: ledger.signer, ledger.format, ledger.io."""
        asked = Checkpoint.from_text(text)
        last = self._last
        if asked.origin != self._signer.key.name or asked.text != text:
            raise refused(f"not a checkpoint of {self._signer.key.name}")
        if last is not None and asked.size < last.size:
            raise refused(f"{last.size} entries were signed, and {asked.size} are fewer")
        if last is not None and asked.size == last.size and asked.root != last.root:
            raise refused(f"another root was signed for {asked.size} entries")
        if asked != last:
            # First: a signature that was given is one that is remembered.
            with refusals(self._state):
                replace(self._disk, self._state, text)
            self._last = asked
        return self._signer.sign(text)


def answer(line: bytes, held: Callable[[str], Held]) -> bytes:
    """The answer to a question. `held` gives the key of a trail, or raises SealtrailError or KeyError."""
    try:
        word, trail, *rest = line.decode("ascii").split(" ")
        one = held(trail)
        if word == "key" and not rest:
            return f"ok {one.key.text}\n".encode()
        if word == "sign" and len(rest) == 1:
            return f"ok {base64_text(one.sign(base64_bytes(rest[0])))}\n".encode()
    except SealtrailError as error:
        return f"no {error.what}\n".encode()
    except (ValueError, KeyError):
        pass
    return b"no the question cannot be read, or no such key is here\n"


class RemoteSigner:
    """The collector's side: a `note.Signer`. Raises LedgerError (ledger.signer)."""

    def __init__(
        self,
        path: Path,
        trail: str,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._trail = path, trail
        self._patience, self._sleep = patience, sleep
        try:
            self.key = VerifyKey.from_text(self._ask(f"key {trail}"))
        except LedgerError as error:
            raise refused(f"the signer at {path} gives no key of {trail}: {error.what}") from None
        if not self.key.name.endswith(f"/{trail}"):
            raise refused(f"the signer at {path} gives a key of {self.key.name}")

    def __repr__(self) -> str:
        return f"RemoteSigner({self.key.name!r})"

    def sign(self, text: bytes) -> bytes:
        """The signature of `text`, checked: nothing that does not verify gets into the history."""
        try:
            signature = base64_bytes(self._ask(f"sign {self._trail} {base64_text(text)}"))
        except LedgerError as error:
            raise refused(f"the signer at {self._path}: {error.what}") from None
        if not self.key.verifies(text, signature):
            raise refused(f"the signer at {self._path} gave a signature that is not good")
        return signature

    def _ask(self, question: str) -> str:
        """One question over a line of its own: there are few, and a signer may be started anew between."""
        tries = max(1, int(self._patience / LOOK_SECONDS))
        for left in range(tries - 1, -1, -1):
            try:
                return self._once(question.encode() + b"\n")
            except OSError as error:
                if not left:
                    raise refused(f"it cannot be reached: {error.strerror or error}") from None
                self._sleep(LOOK_SECONDS)
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def _once(self, question: bytes) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(ANSWER_SECONDS)
            line.connect(str(self._path))
            line.sendall(question)
            said = read_line(line)
        word, _, rest = said.decode("utf-8", "replace").partition(" ")
        if word != "ok":
            raise refused(rest or "no answer")
        return rest


def read_line(line: socket.socket) -> bytes:
    """Bytes up to a line end, which is left out. Raises ConnectionError where there is none."""
    data = b""
    while not data.endswith(b"\n"):
        part = line.recv(MAX_LINE_BYTES)
        if not part or len(data) + len(part) > MAX_LINE_BYTES:
            raise ConnectionError("the line ended in the middle, or is too long")
        data += part
    return data[:-1]
