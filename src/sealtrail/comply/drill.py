"""The tamper drill: an entry is altered, taken out, exchanged, and the verifier has to find it. Pure.

It runs on real entries with their real proofs, in memory. A verifier that finds nothing wrong with an honest
proof and everything wrong with these is one whose "intact" means something.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sealtrail.errors import SealtrailError, TamperedError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.proof import TlogProof, check_inclusion

ALTERED = "one bit of an entry altered"
REMOVED = "an entry taken out, so that the next one stands in its place"
EXCHANGED = "two entries exchanged"


class Piece(msgspec.Struct, frozen=True):
    """An entry's exact bytes and its proof (C2SP tlog-proof text)."""

    entry: bytes
    proof: str


def held(pieces: Sequence[Piece]) -> tuple[tuple[str, bool], ...]:
    """Each change made for trial, and whether it was found. Empty where fewer than two entries can be had.

    A drill whose honest proofs do not hold found nothing: then the verifier tells nothing apart.
    """
    read = []
    for piece in pieces:
        try:
            proof = TlogProof.from_text(piece.proof)
            read.append((piece.entry, proof, Checkpoint.from_note(proof.checkpoint)[0]))
        except SealtrailError:
            continue
    if len(read) < 2:
        return ()
    (first, proof, checkpoint), (second, other, under) = read[0], read[1]
    honest = not _refused(first, proof, checkpoint) and not _refused(second, other, under)
    altered = bytes([first[0] ^ 1]) + first[1:]
    return (
        (ALTERED, honest and _refused(altered, proof, checkpoint)),
        (REMOVED, honest and _refused(second, proof, checkpoint)),
        (
            EXCHANGED,
            honest and _refused(second, proof, checkpoint) and _refused(first, other, under),
        ),
    )


def _refused(entry: bytes, proof: TlogProof, checkpoint: Checkpoint) -> bool:
    try:
        check_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.hashes, checkpoint.root)
    except TamperedError:
        return True
    return False
