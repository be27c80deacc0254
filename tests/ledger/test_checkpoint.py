from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes, history_record
from sealtrail.ledger.merkle import EMPTY_ROOT
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import TrailKey

EMPTY = b"a.example/x/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def test_a_checkpoint_is_three_lines():
    assert Checkpoint("a.example/x/audit", 0, EMPTY_ROOT).text == EMPTY
    assert Checkpoint.from_text(EMPTY) == Checkpoint("a.example/x/audit", 0, EMPTY_ROOT)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        EMPTY[:-1],
        EMPTY + b"extension\n",
        EMPTY.replace(b"\n0\n", b"\n00\n"),
        EMPTY.replace(b"\n0\n", b"\n-1\n"),
        EMPTY.replace(b"\n0\n", b"\n+1\n"),
        EMPTY.replace(b"\n0\n", "\n٣\n".encode()),
        EMPTY.replace(b"\n0\n", b"\n1_0\n"),
        EMPTY.replace(b"\n0\n", b"\n9223372036854775808\n"),
        EMPTY.replace(b"a.example", b"a example"),
        EMPTY.replace(b"a.example/x/audit", b""),
        EMPTY.replace(b"47DE", b"47D"),
        EMPTY.replace(b"uFU=", b"uFV="),
    ],
)
def test_another_way_to_write_a_checkpoint_is_refused(text):
    with pytest.raises(LedgerError) as caught:
        Checkpoint.from_text(text)
    assert caught.value.code == "ledger.format"


def test_a_history_reads_back_as_the_notes_it_was_written_from():
    key = TrailKey("a/b", b"1" * 32)
    notes = [sign_note(Checkpoint("a/b", n, EMPTY_ROOT).text, [key]).data for n in range(4)]
    history = b"".join(map(history_record, notes))
    found = list(history_notes(history))
    assert [note for note, _ in found] == notes
    assert found[-1][1] == len(history)


def test_a_torn_history_ends_with_its_last_whole_note():
    key = TrailKey("a/b", b"1" * 32)
    notes = [sign_note(Checkpoint("a/b", n, EMPTY_ROOT).text, [key]).data for n in range(2)]
    history = b"".join(map(history_record, notes))
    first = len(history_record(notes[0]))
    for cut in range(first, len(history)):
        assert list(history_notes(history[:cut])) == [(notes[0], first)]
