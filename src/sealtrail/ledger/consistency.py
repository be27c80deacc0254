"""Proofs that a trail begins with what was kept of it: made from a data folder, checked offline.

C2SP has no file for such a proof; what a log sends its witnesses is one, so that is what is written: the body
of tlog-witness' `add-checkpoint` (`witness.Request`), an `old SIZE` line, hashes, an empty line and the later
checkpoint. Who kept the earlier one needs nothing else.
"""

from __future__ import annotations

from sealtrail.errors import NotFoundError, SealtrailError, TamperedError, UsageError
from sealtrail.ledger.anchors import Anchors, Kept
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import TILE_WIDTH
from sealtrail.ledger.merkle import EMPTY_ROOT
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.proof import check_consistency
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import TrailReport
from sealtrail.ledger.witness import Request

BEGINNING = b"old "  # of the file, which tells it from a `.tlog-proof`


def begins_with(new: Checkpoint, old: int, old_root: bytes, proof: tuple[bytes, ...]) -> bool:
    """Does `proof` show that the log of `new` begins with `old` entries under `old_root`?"""
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    try:
        check_consistency(old, new.size, old_root, new.root, proof)
    except TamperedError:
        return False
    return True


def prove_consistency_of(reader: LedgerReader, trail: str, old: int, new: int | None = None) -> bytes:
    """A proof from the first `old` entries of a trail to its checkpoint of `new` entries, or its latest.

    Raises NotFoundError where no such checkpoint was signed, or where what a proof needs was pruned, and
    TamperedError where the entries do not lead to the root that was signed.
    """
    note = reader.checkpoint(trail) if new is None else reader.checkpoint_of(trail, new)
    checkpoint, _ = Checkpoint.from_note(note)
    if not 0 <= old <= checkpoint.size:
        raise NotFoundError(
            "not-found.checkpoint",
            f"the checkpoint covers {checkpoint.size:,} entries: no proof leads to it from {old:,}",
            hint="A proof leads from a smaller size to a larger one. `--from` is the earlier.",
        )
    try:
        proof = tuple(reader.consistency(trail, old, checkpoint.size)) if old else ()
        old_root = reader.root(trail, old)
    except NotFoundError as error:
        if error.code != "not-found.pruned":
            raise
        first = reader.first()[trail]
        raise NotFoundError(
            "not-found.pruned",
            f"entries of {trail} below {first:,} were pruned, and what a proof from {old:,} to "
            f"{checkpoint.size:,} needs went with them",
            hint=f"From {first:,} on every size can be proved; below it those that {TILE_WIDTH} divides. "
            "Keep a checkpoint before each prune.",
        ) from None
    if not begins_with(checkpoint, old, old_root, proof):
        raise TamperedError("the entries do not lead to the root that was signed", trail=trail)
    return Request(old, proof, note).data


def check_file(name: str, data: bytes, anchors: Anchors) -> TrailReport:
    """Verify such a file against what was kept. Raises UsageError where it is not one."""
    try:
        request = Request.from_bytes(data)
        new, note = Checkpoint.from_note(request.note)
    except (SealtrailError, UnicodeDecodeError) as error:
        what = error.what if isinstance(error, SealtrailError) else "it is not text"
        raise UsageError("usage.path", f"{name} is not a proof: {what}") from None
    report = TrailReport(new.origin, origin=new.origin, size=new.size, checkpoints=1, begins=request.old)
    report.root = base64_text(new.root)
    chain = anchors.check_signature(report, new, note)
    kept = [one for one in anchors.kept if one.checkpoint.origin == new.origin]
    if request.old > new.size or (not request.old and request.proof):
        report.problem(None, f"no log of {new.size:,} entries begins with {request.old:,} like this")
    elif not any(one.checkpoint.size == request.old for one in kept):
        report.unchecked(
            f"the proof begins at {request.old:,} entries: give the checkpoint of as many that was kept"
        )
    roots = {new.size: new.root, request.old: _proved_root(request, new, kept)}
    anchors.judge(report, chain, roots.get, note, whole=False)
    return report


def _proved_root(request: Request, new: Checkpoint, kept: list[Kept]) -> bytes:
    """The root at the old size that the proof leads from; nothing where what was kept has another."""
    roots = {one.checkpoint.root for one in kept if one.checkpoint.size == request.old}
    good = [root for root in roots if begins_with(new, request.old, root, request.proof)]
    return good[0] if good else b""
