from __future__ import annotations

import pytest

from sealtrail.ledger import history
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.handover import Keychain
from sealtrail.ledger.history import note_of, read_history
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import TrailKey
from sealtrail.ledger.workers import Workers

KEY = TrailKey("a/audit", b"1" * 32)


def note(size: int, key: TrailKey = KEY, origin: str = "a/audit") -> bytes:
    return sign_note(Checkpoint(origin, size, leaf_hash(b"%d" % size)).text, [key]).data


def read(folder, *notes: bytes, tail: bytes = b"") -> history.History:
    (folder / "checkpoints").write_bytes(b"".join(map(history_record, notes)) + tail)
    return read_history(folder, Keychain.of([KEY.key]), "a/audit", Workers(1))


def test_sizes_and_roots_are_found_by_size(tmp_path):
    found = read(tmp_path, note(0), note(3), note(9))
    assert list(found.sizes) == [0, 3, 9]
    assert (found.at(3), found.at(4), found.at(10)) == (leaf_hash(b"3"), None, None)
    assert (found.last, found.before, found.torn, found.problems) == (note(9), note(3), 0, [])


def test_torn_bytes_are_counted(tmp_path):
    assert read(tmp_path, note(0), tail=note(3)).torn == len(note(3))


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (note(3, TrailKey("a/audit", b"2" * 32)), "no known key"),
        (note(3, origin="b/audit"), "speaks of b/audit"),
        (note(3).replace(b"\n3\n", b"\n4\n"), "not good"),
        (note(0), "size 0 after 0"),
        (b"x\n\ny\n", "not a signature"),
    ],
)
def test_a_note_that_does_not_belong_is_named_and_the_others_count(tmp_path, bad, word):
    found = read(tmp_path, note(0), bad, note(9))
    assert [what for _, what in found.problems if word in what]
    assert list(found.sizes) == [0, 9]


def test_the_first_checkpoint_is_that_of_the_empty_log(tmp_path):
    assert "not 0" in read(tmp_path, note(3), note(9)).problems[0][1]


def test_notes_are_handed_out_in_batches_and_come_back_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "NOTES_A_TASK", 7)
    monkeypatch.setattr(history, "_CHUNK", 100)
    found = read(tmp_path, *(note(n) for n in range(50)))
    assert list(found.sizes) == list(range(50))
    assert found.last == note(49)


def test_a_file_without_any_border_is_not_held_in_memory(tmp_path):
    found = read(tmp_path, note(0), tail=b"x" * 5_000_000)
    assert found.problems
    assert found.torn < 3_000_000


@pytest.mark.parametrize("near", [1 << 18, 1 << 11])
def test_the_note_of_a_size_is_found_among_many_by_halving(tmp_path, monkeypatch, near):
    monkeypatch.setattr(history, "_NEAR", near)
    signature = note(0).partition(b"\n\n")[2]
    notes = [Checkpoint("a/audit", 3 * n, leaf_hash(b"%d" % n)).text + b"\n" + signature for n in range(900)]
    (tmp_path / "checkpoints").write_bytes(b"".join(map(history_record, notes)) + b"a/audit\n2700\ntorn")
    for n in (0, 1, 2, 450, 451, 898, 899):
        assert note_of(tmp_path, 3 * n) == notes[n]
    assert [note_of(tmp_path, size) for size in (1, 1000, 2698, 2700, 10**12)] == [None] * 5


@pytest.mark.parametrize("content", [b"", b"\n\n", b"x" * 5_000_000, b"\n\n\n" * 300_000])
def test_a_history_that_is_none_has_no_note_of_any_size(tmp_path, content):
    (tmp_path / "checkpoints").write_bytes(content)
    assert note_of(tmp_path, 5) is None
