from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.event.codec import canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.handover import Handover, Keychain, handovers_in
from sealtrail.ledger.merkle import leaf_hash, node_hash
from sealtrail.ledger.note import Note, sign_note
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.sign import TrailKey

ORIGIN = "acme.example/api/audit"
A, B, C, THIEF = (TrailKey(ORIGIN, bytes([n]) * 32) for n in (1, 2, 3, 9))
SIBLING = leaf_hash(b"what else the log holds")


def statement(old: TrailKey, new: TrailKey, **more: object) -> bytes:
    fields = {
        "event.action": "sealtrail.key.rotate",
        "sealtrail.kind": "system",
        "sealtrail.key.old": old.key.text,
        "sealtrail.key.new": new.key.text,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return seal(canonical(fields), suffix("2026-11-24T08:00:00.000000Z", "collector"))


def proof(entry: bytes, size: int, *signers: TrailKey, origin: str = ORIGIN) -> TlogProof:
    """The statement as the last of `size` entries; for the test they are a tree of two halves."""
    root = node_hash(SIBLING, leaf_hash(entry))
    half = size - 1
    assert half & (half - 1) == 0
    return TlogProof(half, (SIBLING,), sign_note(Checkpoint(origin, size, root).text, signers).data, entry)


def handover(old: TrailKey, new: TrailKey, size: int) -> Handover:
    return Handover.of(proof(statement(old, new), size, old, new))


FIRST, SECOND = handover(A, B, 5), handover(B, C, 17)
FILE = FIRST.data + SECOND.data


def note(size: int, *signers: TrailKey) -> Note:
    return sign_note(Checkpoint(ORIGIN, size, SIBLING).text, signers)


def accepted(chain: Keychain, *signers: TrailKey, upto: int = 20) -> list[int]:
    """Sizes at which the chain takes a checkpoint by these keys."""
    good = []
    for size in range(upto):
        try:
            chain.check(note(size, *signers), size)
        except TamperedError:
            continue
        good.append(size)
    return good


def test_a_hand_over_reads_back_from_its_bytes():
    assert handovers_in(FILE) == [FIRST, SECOND]
    assert (FIRST.old, FIRST.new, FIRST.size) == (A.key, B.key, 5)
    assert handovers_in(b"") == []


@pytest.mark.parametrize("signers", [(A,), (B,), (A, THIEF), (THIEF,)], ids=["old", "new", "other", "none"])
def test_both_keys_sign_a_hand_over(signers):
    with pytest.raises(TamperedError):
        Handover.of(proof(statement(A, B), 5, *signers))


def test_a_signature_that_somebody_adds_to_a_checkpoint_hands_nothing_over():
    """Anybody can add a signature of their own: the old key has to have signed that it names the new one."""
    stolen = proof(statement(A, B), 5, A, B, THIEF)
    assert Handover.of(stolen).new == B.key
    with pytest.raises(TamperedError, match="does not lead to the root"):
        Handover.of(
            TlogProof(4, (SIBLING,), proof(statement(A, B), 5, A, THIEF).checkpoint, statement(A, THIEF))
        )


@pytest.mark.parametrize(
    "entry",
    [
        statement(A, B, sealtrail__kind="audit"),
        statement(A, B, event__action="sealtrail.key.revoke"),
        statement(A, A),
        statement(A, TrailKey("other.example/audit", b"2" * 32)),
        statement(A, B, sealtrail__key__new="no key"),
        statement(A, B, sealtrail__key__new=7),
        b"",
        b'{"x":1,"event.ingested":"\xff","sealtrail.source":"s"}',
    ],
    ids=["kind", "action", "same", "name", "no-key", "number", "empty", "bytes"],
)
def test_an_entry_that_states_no_hand_over_is_none(entry):
    with pytest.raises(LedgerError):
        Handover.of(proof(entry, 5, A, B))


def test_a_proof_without_the_entry_is_none():
    whole = proof(statement(A, B), 5, A, B)
    with pytest.raises(LedgerError, match="carries none"):
        Handover.of(TlogProof(whole.index, whole.hashes, whole.checkpoint))


def test_a_hand_over_of_another_log_is_none():
    with pytest.raises(TamperedError):
        Handover.of(proof(statement(A, B), 5, A, B, origin="other.example/audit"))


@pytest.mark.parametrize(
    "data",
    [SECOND.data + FIRST.data, FIRST.data + handover(A, C, 9).data, FIRST.data + handover(B, C, 5).data],
    ids=["order", "gap", "size"],
)
def test_hand_overs_form_one_line(data):
    with pytest.raises(TamperedError, match="does not go on"):
        handovers_in(data)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_a_file_with_one_bit_flipped_is_refused(at, bit):
    data = bytearray(FILE)
    data[at] ^= 1 << bit
    with pytest.raises(LedgerError):
        handovers_in(bytes(data))


@given(st.binary(max_size=200), st.integers(0, len(FILE)))
def test_bytes_that_are_no_hand_overs_are_refused_by_a_designed_error(tail, at):
    data = FILE[:at] + tail
    if data not in {b"", FIRST.data, FILE}:
        with pytest.raises(LedgerError):
            handovers_in(data)


@pytest.mark.parametrize("trusted", [A, B, C])
def test_any_key_of_the_line_leads_to_the_others(trusted):
    chain = Keychain.of([trusted.key], [FIRST, SECOND])
    assert set(chain.keys) == {A.key, B.key, C.key}
    assert accepted(chain, A) == [0, 1, 2, 3, 4]
    assert accepted(chain, A, B) == list(range(17))
    assert accepted(chain, B) == list(range(6, 17))
    assert accepted(chain, C) == [18, 19]
    assert accepted(chain, B, C) == list(range(6, 20))


def test_a_key_that_handed_the_log_over_signs_it_no_more():
    chain = Keychain.of([A.key], [FIRST])
    with pytest.raises(TamperedError, match="may sign nothing above 5"):
        chain.check(note(6, A), 6)
    with pytest.raises(TamperedError, match="handed the log at 5"):
        chain.check(note(3, B), 3)
    with pytest.raises(TamperedError, match="one of the keys only"):
        chain.check(note(5, B), 5)


def test_a_stranger_is_not_let_in_by_hand_overs():
    chain = Keychain.of([THIEF.key], [FIRST, SECOND])
    assert chain.keys == (THIEF.key,)
    assert chain.handovers == ()
    assert accepted(Keychain.of([A.key], [FIRST]), THIEF) == []


def test_a_revoked_key_hands_nothing_over_above_its_size():
    chain = Keychain.of([A.key], [FIRST, SECOND], {A.key: 3})
    assert chain.keys == (A.key,)
    assert accepted(chain, A) == [0, 1, 2, 3]


def test_what_the_new_key_covers_stands_though_the_old_one_was_revoked():
    chain = Keychain.of([B.key], [FIRST], {A.key: 3})
    assert accepted(chain, A) == [0, 1, 2, 3, 4]
    assert accepted(chain, B) == list(range(6, 20))
