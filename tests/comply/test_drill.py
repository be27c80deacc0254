from __future__ import annotations

import pytest

from sealtrail.comply import drill
from sealtrail.comply.drill import ALTERED, EXCHANGED, REMOVED, Piece, held
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import leaf_hash, node_hash
from sealtrail.ledger.proof import TlogProof

ENTRIES = [b'{"a":1}', b'{"a":2}']
HASHES = [leaf_hash(entry) for entry in ENTRIES]
NOTE = Checkpoint("log.example", 2, node_hash(*HASHES)).text + b"\n\xe2\x80\x94 log.example AAAAAAAA\n"


def piece(index: int, sibling: bytes | None = None) -> Piece:
    hashes = (HASHES[1 - index] if sibling is None else sibling,)
    return Piece(ENTRIES[index], TlogProof(index, hashes, NOTE).text)


def test_every_change_is_found():
    assert held([piece(0), piece(1)]) == ((ALTERED, True), (REMOVED, True), (EXCHANGED, True))


def test_a_verifier_that_lets_everything_through_is_found_out(monkeypatch):
    monkeypatch.setattr(drill, "check_inclusion", lambda *_: None)
    assert [found for _, found in held([piece(0), piece(1)])] == [False, False, False]


def test_a_verifier_that_refuses_everything_is_found_out_as_well():
    broken = piece(0, sibling=b"\0" * 32)
    assert [found for _, found in held([broken, piece(1)])] == [False, False, False]


@pytest.mark.parametrize("pieces", [[], [piece(0)], [piece(0), Piece(b"x", "no proof")]])
def test_with_fewer_than_two_entries_there_is_no_drill(pieces):
    assert held(pieces) == ()
