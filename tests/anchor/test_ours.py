from __future__ import annotations

import os

import pytest

from sealtrail.anchor.ours import notes_of, scan, size_of
from sealtrail.anchor.standing import DivergedError
from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.files import open_reading
from sealtrail.ledger.note import MAX_NOTE_BYTES, sign_note
from sealtrail.ledger.sign import TrailKey, open_key


def signed(key: TrailKey, size: int, root: bytes, origin: str = "") -> bytes:
    return sign_note(Checkpoint(origin or key.key.name, size, root).text, [key]).data


def test_what_this_trail_signed_fits_at_every_size(trail):
    notes = [trail.grow(3), trail.grow(300)]
    for note in notes:
        assert trail.ours.hold(note, "it").size == size_of(note)
        assert trail.ours.is_signed(note)


def test_everything_else_is_a_contradiction_that_says_what_it_is(trail):
    note = trail.grow(5)
    key = open_key(trail.data / "keys", "audit")
    root = Checkpoint.from_note(note)[0].root
    stranger = TrailKey(key.key.name, b"\7" * 32)
    for shown, why in (
        (signed(key, 5, b"\1" * 32), "another root of the first 5"),
        (signed(key, 9, b"\1" * 32), "and 5 are signed here"),
        (signed(stranger, 5, root), "did not sign"),
        (note.replace(b"\n5\n", b"\n4\n"), "did not sign"),
        (signed(key, 5, root, "other.example/audit"), "other.example/audit"),
        (b"what is this", "no checkpoint"),
    ):
        with pytest.raises(DivergedError, match=why) as caught:
            trail.ours.hold(shown, "the copy")
        assert caught.value.trail == "audit"
    assert not trail.ours.is_signed(b"what is this")
    assert not trail.ours.is_signed(signed(stranger, 5, root))


def test_a_history_is_read_note_by_note_and_what_is_torn_comes_last(trail, tmp_path):
    for _ in range(4):
        trail.grow()
    path = trail.folder / "checkpoints"
    whole = list(notes_of(path))
    assert b"".join(history_record(note) for note, _ in whole) == trail.history
    assert [size_of(note) for note, _ in whole] == [0, 1, 2, 3, 4]
    assert [note for note, _ in notes_of(path, whole[2][1])] == [whole[3][0], whole[4][0]]
    cut = tmp_path / "cut"
    cut.write_bytes(trail.history[:-1])
    fd = open_reading(cut)
    found = list(scan(fd))
    os.close(fd)
    assert found[:-1] == whole[:-1]
    assert found[-1] == (trail.history[whole[3][1] : -1], -1)


def test_a_note_without_end_is_given_up(tmp_path):
    path = tmp_path / "endless"
    path.write_bytes(b"a" * (2 * MAX_NOTE_BYTES))
    with pytest.raises(LedgerError, match="without end"):
        list(notes_of(path))
    assert size_of(b"a\nb\n") == -1
