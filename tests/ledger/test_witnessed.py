"""The note with cosignatures beside a trail's own: what it proves, and that it has to fit."""

from __future__ import annotations

import pytest

from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.copying import copy_trail
from sealtrail.ledger.cosign import ALGORITHMS, WitnessKey
from sealtrail.ledger.note import Note, sign_note
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import open_key
from sealtrail.ledger.witnessed import keep_witnessed, merged, read_witnessed, with_lines, witnessed_size
from sealtrail.serve.evidence import check

WITNESS = WitnessKey("w.example/1", ALGORITHMS["ed25519"], b"w" * 32)
QUANTUM = WitnessKey("w.example/2", ALGORITHMS["ml-dsa-44"], b"q" * 32)
POLICY = Policy.from_text(
    f"witness w1 {WITNESS.key.text}\nwitness w2 {QUANTUM.key.text}\ngroup both all w1 w2\nquorum both\n"
)


def cosigned(data: bytes, moment: int = 1_700_000_000) -> Note:
    note = Note.from_bytes(data)
    return with_lines(note, [one.cosign(note.text, moment) for one in (QUANTUM, WITNESS)])


@pytest.fixture
def installed(installation):
    installation.write("access", 20)
    installation.write("audit", 10)
    installation.sign()
    installation.close()
    return installation


def verified(installed, **more):
    return installed.verify(policy=POLICY, **more)


def audit(report):
    return next(trail for trail in report.trails if trail.trail == "audit")


def keep(installed, moment=1_700_000_000):
    for trail in ("access", "audit"):
        note = (installed.folder(trail) / "checkpoint").read_bytes()
        keep_witnessed(installed.folder(trail), cosigned(note, moment))
    return read_witnessed(installed.folder())


def test_a_trail_without_cosignatures_is_not_what_a_policy_demands(installed):
    report = verified(installed)
    assert (report.verdict, report.anchored) == ("unchecked", False)


def test_a_quorum_anchors_and_without_the_policy_nothing_does(installed):
    keep(installed)
    report = verified(installed)
    assert (report.verdict, report.anchored) == ("intact", True)
    assert "cosigned by w1, w2 up to 11" in audit(report).notes
    report = installed.verify()
    assert (report.verdict, report.anchored) == ("intact", False)


def test_a_policy_out_of_the_folder_that_is_checked_is_said_to_be_one(installed, tmp_path):
    for place, said in ((installed.data / "witnesses", True), (tmp_path / "kept", False)):
        place.write_text("quorum none\n")
        notes = check(installed.data, policy=place).notes
        assert any("came from the folder" in note for note in notes) is said


def test_a_cosignature_from_the_future_anchors_nothing(installed):
    keep(installed, moment=4_000_000_000)
    report = verified(installed)
    assert (report.verdict, report.anchored) == ("unchecked", False)


def test_what_was_signed_since_is_said_to_be_unwitnessed(installed):
    keep(installed)
    installed.open()
    installed.write("audit", 5)
    installed.sign()
    report = verified(installed)
    assert (report.verdict, report.anchored) == ("intact", True)
    assert "unwitnessed since 11" in audit(report).notes
    assert audit(report).anchored_to == 11


def test_a_trail_that_was_cut_contradicts_what_was_witnessed(installed):
    """With the key at hand: everything behind the first checkpoint goes, and agrees with itself."""
    installed.open()
    before = {trail: installed.notes(trail) for trail in installed.trails}
    sizes = {trail: (installed.folder(trail) / "active-000000").stat().st_size for trail in installed.trails}
    installed.write("audit", 5)
    installed.sign()
    installed.close()
    keep(installed)
    for trail in installed.trails:
        installed.write_history(before[trail], trail)
        (installed.folder(trail) / "checkpoint").write_bytes(before[trail][-1])
        with (installed.folder(trail) / "active-000000").open("r+b") as file:
            file.truncate(sizes[trail])
    report = verified(installed)
    assert report.verdict == "tampered"
    assert any("was witnessed" in problem.what for problem in audit(report).problems)


def test_a_witnessed_note_of_other_entries_or_another_log_is_a_contradiction(installed):
    key = open_key(installed.data / "keys", "audit")
    other = sign_note(Checkpoint(key.key.name, 11, b"x" * 32).text, [key])
    foreign = Note.from_bytes((installed.folder("access") / "checkpoint").read_bytes())
    for data in (cosigned(other.data).data, cosigned(foreign.data).data, b"nothing", b"\xff\xfe"):
        (installed.folder() / "witnessed").write_bytes(data)
        report = verified(installed)
        assert report.verdict == "tampered"
        assert "trails/audit/witnessed" in installed.places(report)


def test_the_checkpoint_that_is_shown_carries_its_cosignatures(installed):
    kept = keep(installed)
    reader = LedgerReader(installed.data, volume_entries=1024)
    assert reader.checkpoint("audit") == reader.witnessed("audit") == kept
    installed.open()
    installed.write("audit", 5)
    installed.sign()
    assert Checkpoint.from_note(reader.checkpoint("audit"))[0].size == 17
    reader.close()


def test_a_proof_carries_cosignatures_where_they_cover_the_entry(installed):
    keep(installed)
    installed.open()
    installed.write("audit", 5)
    installed.sign()
    reader = LedgerReader(installed.data, volume_entries=1024)
    sizes = [
        Checkpoint.from_note(TlogProof.from_text(reader.prove("audit", index)).checkpoint)[0].size
        for index in (3, 12)
    ]
    assert sizes == [11, 17]
    reader.close()


def test_a_copy_has_what_was_witnessed_as_far_as_it_goes(installed, tmp_path):
    kept = keep(installed)
    copy_trail(installed.folder(), tmp_path / "whole", 11, volume_entries=1024)
    assert read_witnessed(tmp_path / "whole") == kept
    copy_trail(installed.folder(), tmp_path / "short", 0, volume_entries=1024)
    assert read_witnessed(tmp_path / "short") == b""


def test_a_writer_goes_on_beside_it(installed):
    keep(installed)
    installed.open()
    installed.write("audit", 1)
    installed.close()
    assert verified(installed).verdict == "intact"


def test_lines_stand_once_and_in_one_order(installed):
    note = Note.from_bytes((installed.folder() / "checkpoint").read_bytes())
    one, two = (key.cosign(note.text, 5) for key in (WITNESS, QUANTUM))
    whole = with_lines(note, [two, one])
    assert whole.signatures == (*note.signatures, one, two)
    assert with_lines(whole, [one, two, one]) == whole
    assert with_lines(with_lines(note, [one]), [two]) == whole


def test_what_is_no_note_has_no_size():
    assert [witnessed_size(data) for data in (b"", b"nothing", b"\xff")] == [0, 0, 0]
    assert merged(b"a", b"") == b"a"
    assert merged(b"a", b"b and more") == b"a"
