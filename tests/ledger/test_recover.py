from __future__ import annotations

import shutil

import pytest

from sealtrail.errors import TamperedError
from sealtrail.ledger.merkle import CompactRange, leaf_hashes, root_of
from sealtrail.ledger.recover import active_volumes, joined


def reopen(installation):
    installation.close()
    installation.open()
    return installation.logs["audit"]


def active(installation, trail="audit"):
    return max(installation.folder(trail).glob("active-*"))


def test_a_clean_end_is_found_as_it_was_left(grown):
    heads = {name: (log.head(), log.last_ingested(), log.published) for name, log in grown.logs.items()}
    reopen(grown)
    assert heads == {
        name: (log.head(), log.last_ingested(), log.published) for name, log in grown.logs.items()
    }
    assert all(log.cuts == () for log in grown.logs.values())


def test_a_torn_last_frame_is_cut_off_and_kept(grown):
    grown.write("audit", 3)
    head = grown.logs["audit"].head()
    with active(grown).open("ab") as file:
        file.write(b"STF1 torn")
    log = reopen(grown)
    assert log.head() == head
    assert [(cut.index, cut.bytes) for cut in log.cuts] == [(head[0], 9)]
    assert (grown.folder() / log.cuts[0].file).read_bytes() == b"STF1 torn"
    assert grown.verify().verdict == "intact"


def test_a_second_tail_at_the_same_place_does_not_replace_the_first(grown):
    for tail in (b"one", b"two"):
        with active(grown).open("ab") as file:
            file.write(tail)
        reopen(grown)
    kept = sorted(path.read_bytes() for path in grown.folder().glob("torn-*"))
    assert kept == [b"one", b"two"]


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_frame_cut_short_behind_the_checkpoint_is_lost_with_what_follows(grown, cut):
    size = grown.logs["audit"].size
    grown.write("audit", 3)
    grown.close()
    path = active(grown)
    path.write_bytes(path.read_bytes()[:-cut])
    log = reopen(grown)
    assert log.size == size
    assert log.append([b"{}"]) == range(size, size + 1)


def test_a_damaged_frame_below_the_checkpoint_is_never_repaired(grown):
    grown.close()
    path = active(grown)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    before = {p.name: p.read_bytes() for p in grown.folder().iterdir()}
    with pytest.raises(TamperedError) as caught:
        grown.open()
    assert caught.value.trail == "audit"
    assert before == {p.name: p.read_bytes() for p in grown.folder().iterdir()}


def test_entries_that_were_changed_with_good_checksums_are_not_continued(grown, build):
    other = build("other")
    other.grow()
    for one in (grown, other):
        one.close()
    shutil.copy(active(other), active(grown))
    with pytest.raises(TamperedError):
        grown.open()


@pytest.mark.parametrize("name", ["checkpoint", "checkpoints", "sealed", "volume-000000.zst"])
def test_a_missing_file_is_not_made_up(grown, name):
    grown.close()
    (grown.folder() / name).unlink()
    with pytest.raises(TamperedError):
        grown.open()


def test_a_history_one_ahead_is_completed(grown):
    grown.close()
    folder = grown.folder()
    last = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(grown.notes()[-2])
    assert reopen(grown).checkpoint() == last
    assert (folder / "checkpoint").read_bytes() == last


def test_a_history_two_ahead_is_refused(grown):
    grown.close()
    (grown.folder() / "checkpoint").write_bytes(grown.notes()[-3])
    with pytest.raises(TamperedError):
        grown.open()


def test_a_torn_note_is_cut_off_the_history(grown):
    grown.close()
    history = grown.folder() / "checkpoints"
    whole = history.read_bytes()
    with history.open("ab") as file:
        file.write(b"sealtrail.local/abc/audit\n12")
    reopen(grown)
    assert history.read_bytes() == whole


def test_a_head_that_was_not_signed_is_signed_first(grown):
    grown.heads()
    sizes = {name: log.size for name, log in grown.logs.items()}
    reopen(grown)
    assert {name: log.published for name, log in grown.logs.items()} == sizes
    grown.write("audit", 2)
    grown.sign()
    assert grown.verify().verdict == "intact"


def test_leftovers_of_a_sealing_are_removed(installation):
    installation.write("audit", 1500)
    installation.sign()
    folder = installation.folder()
    copy = (folder / "active-000000").read_bytes()
    (folder / "volume-000000.zst").write_bytes(b"half")
    (folder / "volume-000000.tile.tmp").write_bytes(b"half")
    reopen(installation)
    assert not list(folder.glob("volume-*"))
    installation.seal()
    (folder / "active-000000").write_bytes(copy)
    reopen(installation)
    assert not (folder / "active-000000").exists()
    assert installation.verify().verdict == "intact"


def test_a_file_behind_a_hole_is_kept_aside(installation):
    """After a power failure a later file may be there and an earlier one not whole."""
    installation.write("audit", 900)
    installation.sign()
    size = installation.logs["audit"].size
    installation.write("audit", 400)
    installation.close()
    first, second = (installation.folder() / f"active-00000{n}" for n in (0, 1))
    first.write_bytes(first.read_bytes()[:-5])
    log = reopen(installation)
    assert log.size == size
    assert second.read_bytes() == b""
    assert sorted(cut.index for cut in log.cuts) == [size, 1024]
    assert reopen(installation).cuts == ()
    installation.write("audit", 400)
    installation.sign()
    assert installation.verify().verdict == "intact"


def test_the_last_entry_is_found_in_a_sealed_volume(installation):
    installation.write("audit", 1022)
    installation.heads()
    installation.write("audit", 1)
    log = installation.logs["audit"]
    log.publish()
    assert log.size == 1024
    assert log.seal_pending() == 1
    moment = log.last_ingested()
    assert reopen(installation).last_ingested() == moment != ""


def test_a_history_longer_than_its_tail_is_read_from_its_end(grown, monkeypatch):
    from sealtrail.ledger import recover

    monkeypatch.setattr(recover, "_HISTORY_TAIL", 600)
    note = grown.logs["audit"].checkpoint()
    assert reopen(grown).checkpoint() == note


def test_only_files_with_a_proper_number_are_active(tmp_path):
    for name in ("active-000002", "active-000001", "active-1", "active-x", "active-000003.tmp"):
        (tmp_path / name).touch()
    assert active_volumes(tmp_path) == [1, 2]


def test_a_range_is_joined_to_full_volumes():
    leaves = leaf_hashes([bytes([n]) for n in range(11)])
    whole, part = CompactRange(), CompactRange()
    whole.extend(leaves[:8])
    part.extend(leaves[8:])
    assert joined(whole, part).root() == root_of(leaves)
    assert whole.size == 8
