"""One witness asked to cosign one checkpoint. What it answers is hostile: bounded in size and in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sealtrail.errors import SealtrailError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import Note, Signature, VerifyKey, cosigned_at
from sealtrail.ledger.witness import ENDPOINT, Request, signature_lines, size_in
from sealtrail.serve.witnesses import SKEW_SECONDS
from sealtrail.ship.line import Answer, Line
from sealtrail.web.cells import safe
from sealtrail.web.remote import Remote

# For all that one witness is asked about one checkpoint: whoever drips an answer gets no more than this.
ANSWER_SECONDS: Final = 10.0

# Lines and bytes of an answer that are looked at; a witness has one key, or a few.
MAX_LINES: Final = 16
MAX_BYTES: Final = 64 * 1024

_TRIES: Final = 3  # a second size that it names is one too many but for one who asks beside us
_MAX_TOLD: Final = 200

Prove = Callable[[int, int], list[bytes]]
"""The consistency proof from one size to another, both above 0."""


class Failed(Exception):  # noqa: N818 - it is what became of a question, and is tried again
    """Why there is no cosignature."""


class Contradicted(Failed):
    """The witness has seen another past of this trail, of `size` entries at least."""

    def __init__(self, what: str, size: int) -> None:
        super().__init__(what)
        self.size = size


class Cosigned(NamedTuple):
    """Lines that verify, and the size they are for."""

    lines: tuple[Signature, ...]
    size: int


class Lines:
    """The connections that are open: each ends in time, and stopping waits for no witness."""

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._open: set[Line] = set()
        self._stopped = False

    @contextmanager
    def to(self, where: Remote) -> Iterator[Line]:
        """A connection for one question, which is given up after so long, whatever comes over it."""
        line = Line(where, "", patience=self._seconds)
        timer = threading.Timer(self._seconds, line.abort)
        timer.daemon = True
        with self._lock:
            self._open.add(line)
            if self._stopped:
                line.abort()
        timer.start()
        try:
            yield line
        finally:
            timer.cancel()
            timer.join()
            with self._lock:
                self._open.discard(line)
            line.close()

    def stop(self) -> None:
        """Give up what is under way and all that follows."""
        with self._lock:
            self._stopped = True
            for line in self._open:
                line.abort()


def asked(
    line: Line,
    key: VerifyKey,
    note: Note,
    old: int,
    prove: Prove,
    published: Callable[[], int],
    clock: Callable[[], float] = time.time,
) -> Cosigned:
    """Ask for a cosignature of `note`; `old` is what the witness is thought to have cosigned last.

    `published` gives the size of the latest checkpoint. Raises Failed.
    """
    checkpoint = Checkpoint.from_text(note.text)
    old = min(old, checkpoint.size)
    for _ in range(_TRIES):
        proof = prove(old, checkpoint.size) if 0 < old < checkpoint.size else []
        answer = _answer(line, Request(old, tuple(proof), note.data))
        match answer.status:
            case 200:
                return Cosigned(_good(answer.body, key, note, clock), checkpoint.size)
            case 409:
                told = _size(answer)
                if told > published():
                    raise Contradicted(
                        f"it cosigned {told:,} entries, more than were ever signed here",
                        told,
                    )
                if told > checkpoint.size:
                    raise Failed("it was asked about a later checkpoint by somebody else")
                old = told
            case 422:
                raise Contradicted(f"it cosigned {old:,} entries that are not the first {old:,} here", old)
            case 404:
                raise Failed(f"it does not know this log: give it the key of {checkpoint.origin}")
            case 403:
                raise Failed(f"it knows another key of this log ({_told(answer)})")
            case status:
                raise Failed(f"it answers {status} ({_told(answer)})")
    raise Failed("it names one size after another")


def _answer(line: Line, request: Request) -> Answer:
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/octet-stream",
        "User-Agent": "sealtrail-witness",
    }
    try:
        return line.ask("POST", f"/{ENDPOINT}", request.data, headers)
    except SealtrailError as error:
        raise Failed(error.what) from None


def _good(body: bytes, key: VerifyKey, note: Note, clock: Callable[[], float]) -> tuple[Signature, ...]:
    """The line by the key we know. Others may be there as well: they say nothing."""
    try:
        if len(body) > MAX_BYTES:
            raise Failed("its answer is larger than any that a witness gives")
        lines = signature_lines(body)[:MAX_LINES]
    except SealtrailError as error:
        raise Failed(f"its answer cannot be read: {error.what}") from None
    ours = [line for line in lines if (line.name, line.key_id) == (key.name, key.id)]
    if not ours:
        raise Failed(f"it signs with another key than {key.name}+{key.id.hex()}")
    if not key.verifies(note.text, ours[0].payload):
        raise Failed("its signature is not good")
    if cosigned_at(ours[0].payload) > clock() + SKEW_SECONDS:
        raise Failed("its clock, or ours, is wrong: its signature is from the future")
    return (ours[0],)


def _size(answer: Answer) -> int:
    try:
        return size_in(answer.body.decode("ascii").removesuffix("\n"))
    except (SealtrailError, UnicodeDecodeError):
        raise Failed("it answers 409 without a size") from None


def _told(answer: Answer) -> str:
    return safe(answer.body[:_MAX_TOLD].decode(errors="replace").strip(), _MAX_TOLD) or "it says no more"
