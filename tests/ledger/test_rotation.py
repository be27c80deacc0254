from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.anchors import Anchors
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.note import VerifyKey
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.rotation import destroy, prepare, protect, settle
from sealtrail.ledger.sign import is_locked, load_key, next_path, open_key, read_vkey
from sealtrail.ledger.trailcheck import TrailCheck
from sealtrail.ledger.verify import verify
from sealtrail.ledger.workers import Workers


def key_of(installation) -> VerifyKey:
    return read_vkey(installation.data / "keys" / "audit.vkey")


def given(tmp_path, key: VerifyKey):
    path = tmp_path / f"{key.id.hex()}.vkey"
    path.write_text(f"{key.text}\n")
    return read_vkey(path)


def test_whoever_knows_the_first_key_or_the_last_one_verifies_the_trail(grown):
    keys = [key_of(grown)]
    for _ in range(2):
        grown.rotate()
        grown.write("audit", 3)
        grown.sign()
        keys.append(key_of(grown))
    access = read_vkey(grown.data / "keys" / "access.vkey")
    assert len({key.id for key in keys}) == 3
    for key in keys:
        report = grown.verify(keys=[key, access])
        assert report.verdict == "intact", report.lines()
        audit = next(trail for trail in report.trails if trail.trail == "audit")
        assert audit.key_source == "given"
        assert sum("hands it over" in note for note in audit.notes) == 2
    assert grown.verify().verdict == "intact"


def test_the_old_private_key_is_nowhere_any_more(installation):
    keys = installation.data / "keys"
    old = (keys / "audit.key").read_bytes()
    installation.rotate()
    secret = old.split(b"+", 4)[4].strip()
    found = [path for path in installation.data.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert found == []
    assert sorted(path.name for path in keys.iterdir()) == [
        "access.key",
        "access.vkey",
        "audit.key",
        "audit.vkey",
    ]
    assert (keys / "audit.key").stat().st_mode & 0o777 == 0o600
    assert open_key(keys, "audit").key == installation.logs["audit"].key == key_of(installation)


@pytest.mark.parametrize("upto", ["stated", "decided", "done"])
def test_a_trail_opens_again_after_each_step_of_a_hand_over(installation, upto):
    installation.write("audit", 5)
    installation.sign()
    old = key_of(installation)
    installation.rotate(upto=upto)
    assert installation.verify(keys=[old, read_vkey(installation.data / "keys" / "access.vkey")]).verdict == (
        "intact"
    )
    installation.close()
    installation.open()
    installation.write("audit", 2)
    installation.sign()
    assert installation.verify().verdict == "intact"
    assert (key_of(installation) == old) is (upto == "stated")
    assert not next_path(installation.data / "keys", "audit").exists()


def test_a_hand_over_that_was_not_decided_leaves_the_old_key_and_destroys_the_new_one(tmp_path):
    keys = tmp_path / "keys"
    old = open_key(keys, "audit")
    prepare(keys, "audit", old.key)
    assert settle(keys, "audit", []) is True
    assert not next_path(keys, "audit").exists()
    assert open_key(keys, "audit").key == old.key
    assert settle(keys, "audit", []) is False


def test_a_new_key_that_waits_is_replaced_by_the_next_one(tmp_path):
    keys = tmp_path / "keys"
    old = open_key(keys, "audit")
    first = prepare(keys, "audit", old.key)
    second = prepare(keys, "audit", old.key)
    assert load_key(next_path(keys, "audit")).key == second.key != first.key


def test_an_old_key_that_is_put_back_does_not_open_the_trail(installation):
    keys = installation.data / "keys"
    kept = {name: (keys / name).read_bytes() for name in ("audit.key", "audit.vkey")}
    installation.rotate()
    installation.close()
    for name, data in kept.items():
        (keys / name).write_bytes(data)
    with pytest.raises(LedgerError, match="handed over to the key") as caught:
        installation.open()
    assert caught.value.code == "ledger.key"


def test_a_key_is_put_under_a_passphrase_and_taken_out_and_what_was_there_is_overwritten(tmp_path):
    keys, held = tmp_path / "keys", tmp_path / "same-file"
    key = open_key(keys, "audit")

    def word() -> bytes:
        return b"nine green boats"

    held.hardlink_to(keys / "audit.key")
    assert protect(keys, "audit", word, under=True) is True
    assert set(held.read_bytes()) == {0}
    assert protect(keys, "audit", word, under=True) is False
    assert open_key(keys, "audit", passphrase=word).key == key.key
    new = prepare(keys, "audit", key.key, passphrase=word)
    assert is_locked(next_path(keys, "audit"))
    assert settle(keys, "audit", []) is True  # without the passphrase
    assert new.key != key.key
    assert protect(keys, "audit", word, under=False) is True
    assert open_key(keys, "audit").key == key.key
    assert (keys / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_hand_over_while_a_trail_is_verified_is_followed(grown):
    check = TrailCheck(
        grown.folder(), grown.data / "keys" / "audit.vkey", Anchors(), Workers(1), entries=1024
    )
    check.run()
    grown.rotate()
    grown.write("audit", 3)
    grown.sign()
    now = grown.logs["audit"].published
    assert check.history.at(now) is None
    later = check.later()
    assert later.problems == []
    assert later.at(now) is not None
    assert check.report.problems == []
    check.close()


def test_destroying_a_key_overwrites_what_was_there(tmp_path):
    path, held = tmp_path / "x.key", tmp_path / "same-file"
    path.write_bytes(b"secret")
    held.hardlink_to(path)
    from sealtrail.ledger.files import Disk

    destroy(path, Disk())
    assert not path.exists()
    assert held.read_bytes() == bytes(6)


def test_an_export_leads_from_the_first_key_to_the_one_that_signed_it(installation, tmp_path):
    first = key_of(installation)
    installation.write("audit", 9)
    installation.rotate()
    installation.write("audit", 9)
    installation.sign()
    reader = LedgerReader(installation.data, volume_entries=1024)
    export_tlog(reader, "audit", tmp_path / "log")
    assert verify(tmp_path / "log", keys=[first], workers=1).verdict == "intact"
    assert verify(tmp_path / "log", keys=[key_of(installation)], workers=1).verdict == "intact"
    (tmp_path / "log" / "handovers").unlink()
    assert verify(tmp_path / "log", keys=[first], workers=1).verdict == "tampered"
    reader.close()


def test_hand_overs_of_a_trail_that_has_none_are_none(installation):
    assert handovers_of(installation.folder()) == []
