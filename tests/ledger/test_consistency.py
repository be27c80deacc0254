from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.errors import NotFoundError, TamperedError, UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.consistency import prove_consistency_of
from sealtrail.ledger.merkle import leaf_hashes, root_of
from sealtrail.ledger.proof import TlogProof, prove_inclusion
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.ledger.witness import Granted, Request, granted


@pytest.fixture(scope="module")
def reader(settled):
    made = LedgerReader(settled.data, volume_entries=1024)
    yield made
    made.close()


@pytest.fixture(scope="module")
def notes(settled) -> dict[int, bytes]:
    """Every checkpoint of the trail, by its size."""
    return {Checkpoint.from_note(note)[0].size: note for note in settled.notes("access")}


@pytest.fixture(scope="module")
def key(settled):
    return read_vkey(settled.data / "keys" / "access.vkey")


def test_every_two_checkpoints_of_a_trail_are_joined_by_a_proof(reader, notes, key, tmp_path):
    path = tmp_path / "proof"
    for old, kept in notes.items():
        for new in (size for size in notes if size >= old):
            path.write_bytes(prove_consistency_of(reader, "access", old, new))
            report = verify(path, checkpoints=[kept], keys=[key], workers=1)
            assert report.verdict == "intact", (old, new, report.lines())
            assert (report.trails[0].begins, report.trails[0].size) == (old, new)
            assert report.anchored == bool(old)


def test_it_leads_to_the_latest_checkpoint_and_from_any_size(reader, notes, key, tmp_path):
    for old in (1, 255, 256, 700, 1024, 2049, 2554):
        request = Request.from_bytes(prove_consistency_of(reader, "access", old))
        assert (request.old, request.note) == (old, notes[max(notes)])
    assert prove_consistency_of(reader, "access", 0).startswith(b"old 0\n\n")


def test_a_witness_takes_it_as_it_is(reader, notes, key):
    last = Checkpoint.from_note(notes[301])[0]
    assert isinstance(granted(prove_consistency_of(reader, "access", 301), [key], last), Granted)


@pytest.mark.parametrize(
    ("old", "new"), [(302, 301), (-1, None), (10**6, None), (1, 302), (1, 0), (2556, 10**12)]
)
def test_no_proof_leads_to_what_was_not_signed_or_backwards(reader, old, new):
    with pytest.raises(NotFoundError) as caught:
        prove_consistency_of(reader, "access", old, new)
    assert caught.value.code == "not-found.checkpoint"


@pytest.fixture
def proof(reader, tmp_path):
    path = tmp_path / "proof"
    path.write_bytes(prove_consistency_of(reader, "access", 1202))
    return path


def test_a_proof_without_the_checkpoint_it_begins_with_is_unchecked(proof, notes, key):
    for kept in ([], [notes[301]], [notes[max(notes)]]):
        report = verify(proof, checkpoints=kept, keys=[key], workers=1)
        assert report.verdict == "unchecked"
        assert any("begins at 1,202" in line for line in report.lines())


def test_a_proof_from_another_past_is_tampering(proof, settled, build, key):
    twin = build("data")
    shutil.copytree(settled.data / "keys", twin.data / "keys", dirs_exist_ok=True)
    twin.close()
    shutil.rmtree(twin.data / "trails")
    twin.open()
    twin.write("access", 1199)
    twin.sign()
    twin.write("access", 2)
    for log in twin.logs.values():
        log.publish()
    forged = next(note for note in twin.notes("access") if b"\n1202\n" in note)
    report = verify(proof, checkpoints=[forged], keys=[key], workers=1)
    assert report.verdict == "tampered"
    assert "rewritten" in report.lines()[0]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_changed_bit_leaves_a_proof_intact(reader, notes, key, tmp_path_factory, data):
    text = bytearray(prove_consistency_of(reader, "access", 1202))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flipped") / "proof"
    path.write_bytes(text)
    try:
        report = verify(path, checkpoints=[notes[1202]], keys=[key], workers=1)
    except UsageError:
        return
    assert report.verdict != "intact"


def test_what_pruning_took_is_said_and_what_it_left_is_proved(settled, tmp_path, notes, key):
    copy = tmp_path / "data"
    shutil.copytree(settled.data, copy)
    assert prune_volumes(copy / "trails" / "access", 1024, volume_entries=1024) == 1024
    reader = LedgerReader(copy, volume_entries=1024)
    for old in (1, 301, 1023):
        with pytest.raises(NotFoundError, match="below 1,024 were pruned") as caught:
            prove_consistency_of(reader, "access", old)
        assert caught.value.code == "not-found.pruned"
    for old in (256, 768, 1024, 1202, 2555):
        assert prove_consistency_of(reader, "access", old).startswith(b"old %d\n" % old)
    reader.close()


def test_a_proof_is_not_handed_out_over_entries_that_were_changed(settled, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(settled.data, copy)
    history = copy / "trails" / "access" / "checkpoint"
    history.write_bytes(history.read_bytes().replace(b"\n2555\n", b"\n2554\n"))
    reader = LedgerReader(copy, volume_entries=1024)
    with pytest.raises(TamperedError):
        prove_consistency_of(reader, "access", 301)
    reader.close()


def test_a_receipt_is_not_called_cut_off_for_a_later_checkpoint_that_was_kept(reader, tmp_path, notes, key):
    """A receipt is older than the checkpoint somebody keeps today, and no contradiction to it."""
    leaves = leaf_hashes(reader.read("access", 0, 1202))
    hashes = prove_inclusion(5, 1202, lambda level, at: root_of(leaves[at << level : (at + 1) << level]))
    path = tmp_path / "receipt"
    path.write_text(TlogProof(5, tuple(hashes), notes[1202]).text)
    entry = reader.entry("access", 5)
    for kept, verdict in ((1202, "intact"), (301, "unchecked"), (2555, "unchecked")):
        report = verify(path, checkpoints=[notes[kept]], keys=[key], entry=entry, workers=1)
        assert (report.verdict, report.anchored) == (verdict, kept == 1202)
