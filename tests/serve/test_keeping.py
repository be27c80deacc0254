from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.sign import TrailKey
from sealtrail.serve.keeping import kept

KEY = TrailKey("acme.example/api/audit", b"\7" * 32)
NOTES = [sign_note(Checkpoint(KEY.key.name, size, bytes([size]) * 32).text, [KEY]).data for size in range(4)]


def test_a_note_a_proof_and_a_history_are_read_as_they_lie(tmp_path):
    one, proof, history = tmp_path / "one", tmp_path / "1.tlog-proof", tmp_path / "audit.checkpoints"
    one.write_bytes(NOTES[1])
    proof.write_text(TlogProof(0, (), NOTES[2]).text)
    history.write_bytes(b"".join(map(history_record, NOTES)) + NOTES[3][:30])  # a crash cut the last one
    assert kept([one]) == [NOTES[1]]
    assert kept([proof]) == [NOTES[2]]
    assert kept([history]) == NOTES
    assert kept([one, history, one]) == [NOTES[1], NOTES[0], NOTES[2], NOTES[3]]


def test_a_folder_is_everything_in_it(tmp_path):
    folder = tmp_path / "elsewhere"
    (folder / "acme.example" / "api").mkdir(parents=True)
    (folder / "acme.example" / "api" / "audit.checkpoints").write_bytes(history_record(NOTES[1]))
    (folder / "0000000000000000003").write_bytes(NOTES[3])
    (folder / ".hidden").write_bytes(b"not looked at")
    (folder / "empty").touch()  # a disk was full before the first record
    assert sorted(kept([folder])) == sorted([NOTES[1], NOTES[3]])


@pytest.mark.parametrize("data", [b"", b"README\n", NOTES[1][:-3], history_record(b"a\n\nb\n")])
def test_what_is_of_no_use_does_not_pass_for_a_check(tmp_path, data):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with pytest.raises(LedgerError, match="holds no checkpoints"):
        kept([folder])
    (folder / "file").write_bytes(data)
    for path in (folder, folder / "file"):
        with pytest.raises(LedgerError, match=r"no checkpoint") as refused:
            kept([path])
        assert refused.value.code == "ledger.format"
