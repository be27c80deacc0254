from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger import layout
from sealtrail.ledger.checkpoint import Checkpoint, history_notes, history_record
from sealtrail.ledger.layout import SealedLine
from sealtrail.ledger.merkle import CompactRange, leaf_hashes, root_of
from sealtrail.ledger.note import Note, Signature, VerifyKey, verify_note
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.proof import (
    TlogProof,
    check_consistency,
    check_inclusion,
    prove_consistency,
    prove_inclusion,
)
from sealtrail.ledger.sign import TrailKey

names = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], blacklist_characters="+"), min_size=1
).filter(lambda text: not any(char.isspace() for char in text))
hashes = st.binary(min_size=32, max_size=32)
entries = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=40)
checkpoints = st.builds(Checkpoint, names, st.integers(0, 2**63 - 1), hashes)
signatures = st.builds(
    Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 word for word, by recursion."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = reference_root(leaves[:split]), reference_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(hashes, max_size=70))
def test_roots_are_those_of_the_definition(leaves):
    assert root_of(leaves) == reference_root(leaves)


@given(st.lists(st.lists(hashes, max_size=20), max_size=8))
def test_a_range_grown_in_any_steps_has_the_root_of_the_whole(steps):
    tree = CompactRange()
    for step in steps:
        tree.extend(step)
    leaves = [leaf for step in steps for leaf in step]
    assert (tree.size, tree.root()) == (len(leaves), reference_root(leaves))


@given(st.lists(hashes, min_size=1, max_size=70), st.data())
def test_proofs_hold_and_one_changed_bit_breaks_them(leaves, data):
    size = len(leaves)
    old = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, size - 1))

    def node(level: int, at: int) -> bytes:
        return reference_root(leaves[at << level : (at + 1) << level])

    root, old_root = reference_root(leaves), reference_root(leaves[:old])
    inclusion = prove_inclusion(index, size, node)
    consistency = prove_consistency(old, size, node)
    check_inclusion(index, size, leaves[index], inclusion, root)
    check_consistency(old, size, old_root, root, consistency)
    for proof, check in (
        (inclusion, lambda p: check_inclusion(index, size, leaves[index], p, root)),
        (consistency, lambda p: check_consistency(old, size, old_root, root, p)),
    ):
        if proof:
            at = data.draw(st.integers(0, len(proof) * 256 - 1))
            bad = [bytearray(h) for h in proof]
            bad[at // 256][at % 256 // 8] ^= 1 << at % 8
            with pytest.raises(TamperedError):
                check([bytes(h) for h in bad])


@given(checkpoints)
def test_every_checkpoint_reads_back(checkpoint):
    assert Checkpoint.from_text(checkpoint.text) == checkpoint


@given(checkpoints, st.lists(signatures, min_size=1, max_size=4))
def test_every_note_reads_back(checkpoint, lines):
    note = Note(checkpoint.text, tuple(lines))
    assert Note.from_bytes(note.data) == note


@given(st.lists(st.tuples(checkpoints, st.lists(signatures, min_size=1, max_size=3)), max_size=5), st.data())
def test_every_history_reads_back_and_a_torn_one_gives_its_beginning(items, data):
    notes = [Note(checkpoint.text, tuple(lines)).data for checkpoint, lines in items]
    history = b"".join(map(history_record, notes))
    assert [note for note, _ in history_notes(history)] == notes
    cut = data.draw(st.integers(0, len(history)))
    found = [note for note, _ in history_notes(history[:cut])]
    assert found == notes[: len(found)]
    assert sum(len(history_record(note)) for note in found) <= cut


@given(st.binary(max_size=300))
def test_bytes_that_are_no_note_are_refused_or_read_back(data):
    try:
        note = Note.from_bytes(data)
    except LedgerError:
        return
    assert note.data == data


@given(names, st.integers(0, 255), st.binary(min_size=32, max_size=32))
def test_every_public_key_reads_back(name, kind, public):
    key = VerifyKey(name, kind, public)
    assert VerifyKey.from_text(key.text) == key


@given(st.text(max_size=200))
def test_texts_that_are_no_key_policy_or_proof_are_refused_or_read_back(text):
    for read in (VerifyKey.from_text, TlogProof.from_text, TrailKey.from_secret_text):
        try:
            found = read(text)
        except LedgerError:
            continue
        assert (found.secret_text() if isinstance(found, TrailKey) else found.text) == text
    with contextlib.suppress(LedgerError):
        Policy.from_text(text)


@given(checkpoints, st.binary(min_size=32, max_size=32), st.data())
def test_a_signature_covers_every_bit_of_the_text(checkpoint, seed, data):
    key = TrailKey("a/b", seed)
    note = Note(checkpoint.text, (Signature("a/b", key.key.id, key.sign(checkpoint.text)),))
    assert verify_note(note, [key.key])
    at = data.draw(st.integers(0, len(note.text) * 8 - 1))
    text = bytearray(note.text)
    text[at // 8] ^= 1 << at % 8
    with pytest.raises(TamperedError):
        verify_note(Note(bytes(text), note.signatures), [key.key])


@given(st.integers(0, 2**63 - 1), st.lists(hashes, max_size=63), st.none() | st.binary(max_size=40))
def test_every_proof_file_reads_back(index, path, extra):
    proof = TlogProof(index, tuple(path), b"a\n0\nx\n\n\xe2\x80\x94 a AAAAAAA=\n", extra)
    assert TlogProof.from_text(proof.text) == proof


@given(st.integers(0, 2**40), entries)
def test_every_frame_reads_back(first, found):
    data = layout.frame(first, found, leaf_hashes(found))
    header = layout.frame_header(data)
    assert header is not None
    body = data[layout.HEADER_BYTES :]
    assert layout.frame_is_whole(header, body)
    assert (header.first, layout.split_records(body[: header.payload])) == (first, found)


@given(entries, st.data())
def test_a_frame_with_a_changed_bit_or_cut_short_is_not_whole(found, data):
    whole = layout.frame(7, found, leaf_hashes(found))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    bad = bytearray(whole)
    bad[at // 8] ^= 1 << at % 8
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for broken in (bytes(bad), cut):
        header = layout.frame_header(broken)
        assert header is None or not layout.frame_is_whole(header, broken[layout.HEADER_BYTES :])


@given(st.lists(st.tuples(hashes, hashes, st.integers(0, 2**40)), max_size=6))
def test_every_list_of_sealed_volumes_reads_back(rows):
    lines = [SealedLine(n, *row) for n, row in enumerate(rows)]
    assert layout.sealed_lines(layout.sealed_text(lines)) == lines


@given(st.binary(max_size=200))
def test_bytes_that_are_no_list_are_refused_or_read_back(data):
    try:
        lines = layout.sealed_lines(data)
    except LedgerError:
        return
    assert layout.sealed_text(lines) == data


size32 = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(size32, st.integers(0, layout.MAX_UNPACKED_BYTES)), min_size=1, max_size=64))
def test_every_seek_table_reads_back(rows):
    table = layout.seek_table(rows)
    assert layout.seek_table_bytes(table[-layout.SEEK_FOOT_BYTES :]) == len(table)
    assert layout.seek_rows(table) == rows


@given(st.binary(max_size=100))
def test_records_are_refused_or_read_back(data):
    try:
        found = layout.split_records(data)
    except LedgerError:
        return
    assert layout.records(found) == data


@given(st.integers(0, 10**15), st.integers(1, 256))
def test_tile_paths_are_one_to_one(number, width):
    path = layout.tile_path(0, number, width)
    groups = path.removeprefix("tile/0/").partition(".p/")[0].split("/")
    assert int("".join(group[-3:] for group in groups)) == number
    assert all(group.startswith("x") for group in groups[:-1])
    assert path.endswith(f".p/{width}") == (width < 256)
