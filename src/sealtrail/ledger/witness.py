"""C2SP tlog-witness: the exchange between a log and a witness, and how a witness judges. Pure.

POST <prefix>/add-checkpoint

    old <size that the witness cosigned last, 0: none>
    <base64 hash>                    up to 63, the consistency proof from there
                                     an empty line
    <the checkpoint, a signed note>

A witness cosigns what its log signed and what begins with everything it cosigned of that log before. So two
pasts of one log cannot both bear its cosignature, whoever holds the log's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger.checkpoint import MAX_SIZE, Checkpoint
from sealtrail.ledger.merkle import EMPTY_ROOT, HASH_BYTES
from sealtrail.ledger.note import (
    Note,
    Signature,
    VerifyKey,
    base64_bytes,
    base64_text,
    malformed,
    verify_note,
)
from sealtrail.ledger.proof import MAX_HASHES, check_consistency

ENDPOINT: Final = "add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"

# A proof of 63 lines and a note with a few post-quantum signatures fit many times.
MAX_REQUEST_BYTES: Final = 256 * 1024


class Request(msgspec.Struct, frozen=True):
    """What a log asks: to cosign `note`, which begins with the `old` entries that were cosigned last."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def data(self) -> bytes:
        """The body of the request; `from_bytes` of it gives the same request."""
        rows = [f"old {self.old}\n", *(f"{base64_text(part)}\n" for part in self.proof), "\n"]
        return "".join(rows).encode() + self.note

    @classmethod
    def from_bytes(cls, data: bytes) -> Request:
        """Parse a body. Raises LedgerError (ledger.format)."""
        head, blank, note = data.partition(b"\n\n")
        try:
            first, *rows = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise malformed("the request is not ASCII before its checkpoint") from None
        if not blank or not note or not first.startswith("old "):
            raise malformed("expected `old SIZE`, a proof, an empty line and a checkpoint")
        if len(rows) > MAX_HASHES:
            raise malformed(f"the proof has {len(rows)} lines, the limit is {MAX_HASHES}")
        proof = tuple(base64_bytes(row) for row in rows)
        if any(len(part) != HASH_BYTES for part in proof):
            raise malformed("a hash of the proof does not have 32 bytes")
        return cls(size_in(first[4:]), proof, note)


def size_in(text: str) -> int:
    """A size as it is written in one way only. Raises LedgerError (ledger.format)."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text):
        raise malformed(f"not a size: {text[:60]!r}")
    if int(text) > MAX_SIZE:
        raise malformed("the size is out of range")
    return int(text)


def signature_lines(data: bytes) -> tuple[Signature, ...]:
    """The lines of a witness's answer. Raises LedgerError (ledger.format)."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise malformed("the cosignature is not UTF-8") from None
    if not text.endswith("\n"):
        raise malformed("the cosignature is cut short")
    return tuple(Signature.from_text(f"{line}\n") for line in text[:-1].split("\n"))


class Refused(NamedTuple):
    """Why nothing is cosigned. `forked`: two checkpoints of one size, both signed by the log."""

    status: int
    why: str
    size: int = -1  # what was cosigned last, for 409
    forked: bool = False

    @property
    def body(self) -> bytes:
        return f"{self.why if self.size < 0 else self.size}\n".encode()


class Granted(NamedTuple):
    """What may be cosigned once it is on disk: the checkpoint, and its note with the log's signatures."""

    checkpoint: Checkpoint
    note: Note


def stated(note: Note) -> Checkpoint:
    """What a checkpoint of any log states. Its extension lines, if any, are cosigned and mean nothing here.

    Raises LedgerError (ledger.format).
    """
    lines = note.text.split(b"\n")
    if len(lines) < 4 or not all(lines[:-1]):
        raise malformed("a checkpoint has an origin, a size and a root")
    return Checkpoint.from_text(b"\n".join(lines[:3]) + b"\n")


def judge(request: Request, logs: Sequence[VerifyKey], last: Checkpoint | None) -> Granted | Refused:
    """Hold a request against `last`, what was cosigned last of its log. `logs` are the keys of known logs.

    Raises LedgerError (ledger.format) where the checkpoint cannot be read.
    """
    note = Note.from_bytes(request.note)
    checkpoint = stated(note)
    keys = [key for key in logs if key.name == checkpoint.origin]
    if not keys:
        return Refused(404, "this log is not known here")
    try:
        signers = {(key.name, key.id) for key in verify_note(note, keys)}
    except TamperedError as error:
        return Refused(403, error.what)
    if request.old > checkpoint.size:
        return Refused(400, "the old size is larger than that of the checkpoint")
    known = last.size if last is not None else 0
    forked = last is not None and known == checkpoint.size and last.root != checkpoint.root
    if request.old != known:
        return Refused(409, "another size was cosigned last", known, forked)
    if forked:
        return Refused(422, "another root was cosigned for this size", forked=True)
    try:
        _follows(request, checkpoint, last)
    except TamperedError as error:
        return Refused(422, error.what)
    kept = tuple(line for line in note.signatures if (line.name, line.key_id) in signers)
    return Granted(checkpoint, Note(note.text, kept))


def _follows(request: Request, checkpoint: Checkpoint, last: Checkpoint | None) -> None:
    """Raise TamperedError unless the checkpoint begins with everything that was cosigned."""
    if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
        raise TamperedError("a tree without entries has another root")
    if last is None or not last.size:
        if request.proof:
            raise TamperedError("from size 0 there is nothing to prove")
        return
    check_consistency(last.size, checkpoint.size, last.root, checkpoint.root, request.proof)


def granted(data: bytes, logs: Sequence[VerifyKey], last: Checkpoint | None) -> Granted | Refused:
    """`judge` of a body as it came; what cannot be read is refused."""
    try:
        return judge(Request.from_bytes(data), logs, last)
    except LedgerError as error:
        return Refused(400, error.what)


def origin_in(data: bytes) -> str:
    """The origin a body speaks of; empty where there is none. Nothing is checked: the judge does that."""
    _, _, note = data.partition(b"\n\n")
    return note.partition(b"\n")[0].decode(errors="replace")
