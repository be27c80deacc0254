from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import VerifyKey, sign_note
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.revocation import Revocation, limits, revocations_in
from sealtrail.ledger.sign import TrailKey, load_key, read_vkey
from sealtrail.ledger.verify import verify

KEY, OTHER = (TrailKey("a/audit", bytes([n]) * 32).key for n in (1, 2))


def test_a_revocation_reads_back_from_its_text():
    one = Revocation(KEY, 17)
    assert Revocation.from_text(one.text) == one
    assert revocations_in(f"{one.text}\n\n{one.text}\n".encode()) == [one, one]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@17",
        KEY.text,
        f"{KEY.text}@",
        f"{KEY.text}@-1",
        f"{KEY.text}@1e3",
        f"{KEY.text}@{2**64}",
        f"{KEY.text}@\u0661",
        f"{VerifyKey('w', 4, b'1' * 32).text}@1",
    ],
)
def test_what_is_no_revocation_is_refused(text):
    with pytest.raises(LedgerError):
        Revocation.from_text(text)


def test_a_list_that_is_no_text_or_too_long_is_refused():
    for data in (b"\xff", b"\n" * 300_001):
        with pytest.raises(LedgerError):
            revocations_in(data)


def test_of_two_revocations_of_one_key_the_stricter_one_holds():
    assert limits([Revocation(KEY, 9), Revocation(OTHER, 1), Revocation(KEY, 5)]) == {KEY: 5, OTHER: 1}


class Stolen:
    """A trail whose key was copied at `size` entries and that went on, and was handed over later."""

    def __init__(self, installation) -> None:
        self.installation = installation
        installation.write("audit", 5)
        installation.sign()
        self.before = installation.logs["audit"].checkpoint()
        keys = installation.data / "keys"
        self.thief = load_key(keys / "audit.key")
        self.size = Checkpoint.from_note(self.before)[0].size
        installation.write("audit", 5)
        installation.sign()
        self.between = installation.logs["audit"].checkpoint()
        installation.rotate()
        installation.write("audit", 5)
        installation.sign()
        self.access = read_vkey(keys / "access.vkey")
        self.new = read_vkey(keys / "audit.vkey")
        self.revoked = [Revocation(self.thief.key, self.size)]

    def forged(self, size: int) -> bytes:
        return sign_note(Checkpoint(self.thief.key.name, size, b"\1" * 32).text, [self.thief]).data

    def verify(self, *checkpoints: bytes, key: VerifyKey | None = None, **more: object):
        keys = [key or self.new, self.access]
        return self.installation.verify(checkpoints=checkpoints, keys=keys, **more)


@pytest.fixture
def stolen(installation) -> Stolen:
    return Stolen(installation)


def test_what_the_new_key_covers_is_intact_though_the_old_one_was_revoked(stolen):
    report = stolen.verify(stolen.before, stolen.between, revoked=stolen.revoked)
    assert report.verdict == "intact", report.lines()
    audit = next(trail for trail in report.trails if trail.trail == "audit")
    assert audit.anchored_to == Checkpoint.from_note(stolen.between)[0].size


@pytest.mark.parametrize("above", [1, 100])
def test_a_thiefs_checkpoint_accuses_nobody_once_the_key_is_revoked(stolen, above):
    note = stolen.forged(stolen.size + above)
    assert stolen.verify(note).verdict == "tampered"
    report = stolen.verify(note, revoked=stolen.revoked)
    assert report.verdict == "unchecked", report.lines()
    assert any("says nothing" in note and "revoked above" in note for note in report.lines())


def test_a_kept_checkpoint_from_before_the_theft_still_convicts(stolen):
    """A revocation is no way to disown what was signed before."""
    assert stolen.verify(stolen.forged(stolen.size), revoked=stolen.revoked).verdict == "tampered"


def test_a_revoked_key_leads_nobody_to_the_key_it_named_afterwards(stolen):
    assert stolen.verify(key=stolen.thief.key).verdict == "intact"
    assert stolen.verify(key=stolen.thief.key, revoked=stolen.revoked).verdict == "tampered"


def test_a_key_that_was_revoked_and_never_replaced_vouches_for_nothing_above(installation):
    installation.write("audit", 5)
    installation.sign()
    key = read_vkey(installation.data / "keys" / "audit.vkey")
    assert installation.verify(revoked=[Revocation(key, 100)]).verdict == "intact"
    assert installation.verify(revoked=[Revocation(key, 3)]).verdict == "tampered"


def test_a_receipt_by_a_thief_is_not_intact_for_who_knows_of_the_hand_over_and_the_theft(stolen, tmp_path):
    """Between the theft and the hand-over the thief's checkpoints look like the log's own."""
    entry = b"never recorded"
    note = sign_note(Checkpoint(stolen.thief.key.name, 1, leaf_hash(entry)).text, [stolen.thief]).data
    path = tmp_path / "receipt"
    path.write_text(TlogProof(0, (), note).text)
    given = {"handovers": handovers_of(stolen.installation.folder()), "entry": entry, "workers": 1}
    for key in (stolen.new, stolen.thief.key):
        report = verify(path, keys=[key], revoked=[Revocation(stolen.thief.key, 0)], **given)
        assert report.verdict == "unchecked", report.lines()
        assert any("may be a thief's" in line for line in report.lines())
        assert (
            verify(path, keys=[key], revoked=[Revocation(stolen.thief.key, 1)], **given).verdict == "intact"
        )
