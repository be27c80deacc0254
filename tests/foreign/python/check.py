"""Run by a Python that has sigstore and tlog-scales and nothing of ours: cases as JSON, verdicts as JSON.

`check.py scales` walks logs and checks receipts with tlog-scales; `check.py sigstore` checks with sigstore's
merkle and checkpoint code, which walks no tiles: those of a log are read by tlog-scales.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails
from sigstore_models.rekor.v1 import TransparencyLogEntry as Message
from tlog_scales.backend import HttpBackend, make_backend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, ConsistencyProofInvalid, InclusionProof, InclusionProofInvalid

Question = dict[str, Any]


class RefusedError(Exception):
    """What a walker sees for itself: tlog-scales leaves it to its caller."""


REFUSALS = (
    *(RefusedError, VerificationError, InvalidSignature, InclusionProofInvalid, ConsistencyProofInvalid),
    # Those of tlog-scales: no such tile, no signature by this key, not base64, too few entries in a bundle.
    *(RuntimeError, ValueError, IndexError),
)


class Receipt(NamedTuple):
    """A .tlog-proof taken apart."""

    index: int
    hashes: list[bytes]
    checkpoint: str
    entry: bytes


def receipt(question: Question) -> Receipt:
    head, _, checkpoint = question["proof"].partition("\n\n")
    magic, index, *hashes = head.split("\n")
    if magic != "c2sp.org/tlog-proof@v1":
        raise RefusedError("not a tlog-proof")
    found = [base64.b64decode(one) for one in hashes]
    return Receipt(int(index.removeprefix("index ")), found, checkpoint, base64.b64decode(question["entry"]))


def opened(question: Question) -> tuple[TilesReader, Checkpoint]:
    """A reader of the log, and its checkpoint, whose signature is good."""
    backend = make_backend(question["log"])
    if isinstance(backend, HttpBackend):
        backend.session.headers["Authorization"] = f"Bearer {question['bearer']}"
    reader = TilesReader(backend)
    checkpoint = reader.get_checkpoint()
    signed_by(checkpoint, question["key"])
    return reader, checkpoint


def signed_by(checkpoint: Checkpoint, key: str) -> None:
    vkey = Vkey.from_string(key.strip())
    checkpoint.verify(vkey)
    if checkpoint.origin != vkey.name:
        raise RefusedError(f"this is the checkpoint of {checkpoint.origin!r}, not of {vkey.name!r}")


def receipts(reader: TilesReader, checkpoint: Checkpoint) -> Iterator[Receipt]:
    """One for each entry, made of tiles alone; of large logs for the first and the last of each bundle."""
    for index in range(checkpoint.size):
        if checkpoint.size > 1024 and index % 256 not in {0, 255} and index != checkpoint.size - 1:
            continue
        proof = reader.get_inclusion_proof(index, checkpoint.size)
        entry = reader.get_entry(index)
        yield Receipt(index, proof.node_hashes, checkpoint.serialize(), entry)


def scales_walk(question: Question) -> None:
    reader, checkpoint = opened(question)
    if reader.calculate_root_hash() != checkpoint.root_hash:
        raise RefusedError("the tiles do not lead to the root")
    for one in receipts(reader, checkpoint):
        InclusionProof(one.index, checkpoint.size, one.hashes).check(
            leaf_hash(one.entry), checkpoint.root_hash
        )
    if question.get("kept"):
        kept = Checkpoint.from_text(question["kept"])
        signed_by(kept, question["key"])
        if kept.size > checkpoint.size:
            raise RefusedError(f"the log has {checkpoint.size} entries, and had {kept.size}")
        proof = reader.get_consistency_proof(kept.size, checkpoint.size)
        proof.check(kept.root_hash, checkpoint.root_hash)


def scales_receipt(question: Question) -> None:
    one = receipt(question)
    checkpoint = Checkpoint.from_text(one.checkpoint)
    signed_by(checkpoint, question["key"])
    InclusionProof(one.index, checkpoint.size, one.hashes).check(leaf_hash(one.entry), checkpoint.root_hash)


def scales_cosigned(question: Question) -> None:
    """A note that a witness signed as well."""
    Checkpoint.from_text(question["note"]).verify(Vkey.from_string(question["vkey"]))


def sigstore_one(one: Receipt, vkey: Vkey) -> None:
    der = Ed25519PublicKey.from_public_bytes(vkey.pubkey).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    _, size, root = one.checkpoint.split("\n")[:3]
    message = Message.from_dict(
        {
            "logIndex": str(one.index),
            "logId": {"keyId": base64.b64encode(vkey.key_id.to_bytes(4)).decode()},
            "kindVersion": {"kind": "event", "version": "1"},
            "inclusionProof": {
                "logIndex": str(one.index),
                "rootHash": root,
                "treeSize": size,
                "hashes": [base64.b64encode(each).decode() for each in one.hashes],
                "checkpoint": {"envelope": one.checkpoint},
            },
            "canonicalizedBody": base64.b64encode(one.entry).decode(),
        }
    )
    entry = TransparencyLogEntry(message)
    public = PublicKey(raw_bytes=base64.b64encode(der), key_details=PublicKeyDetails.PKIX_ED25519)
    verify_checkpoint(Keyring([public]), entry)
    verify_merkle_inclusion(entry)


def sigstore_walk(question: Question) -> None:
    reader = TilesReader(make_backend(question["log"]))
    vkey = Vkey.from_string(question["key"].strip())
    for one in receipts(reader, reader.get_checkpoint()):
        sigstore_one(one, vkey)


def sigstore_receipt(question: Question) -> None:
    sigstore_one(receipt(question), Vkey.from_string(question["key"].strip()))


CHECKS: dict[str, tuple[Callable[[Question], None], Callable[[Question], None]]] = {
    "scales": (scales_walk, scales_receipt),
    "sigstore": (sigstore_walk, sigstore_receipt),
}


def main() -> None:
    logging.disable()
    walk, check = CHECKS[sys.argv[1]]
    verdicts = []
    for question in json.load(sys.stdin):
        try:
            (scales_cosigned if "vkey" in question else walk if "log" in question else check)(question)
        except REFUSALS as refusal:
            verdicts.append(str(refusal) or type(refusal).__name__)
        else:
            verdicts.append("")
    json.dump(verdicts, sys.stdout)


main()
