"""A copy of a trail while its writer goes on."""

from __future__ import annotations

import shutil

import pytest

from sealtrail.errors import LedgerError, NotFoundError, TamperedError
from sealtrail.ledger import copying
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.copying import copy_file, copy_trail
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import floor_of
from sealtrail.ledger.verify import verify

ENTRIES = 1024


def copied(made, tmp_path, sizes=None, floors=None):
    """Both trails and their public keys in a new folder."""
    target = tmp_path / "copy"
    (target / "trails").mkdir(parents=True)
    shutil.copytree(made.data / "keys", target / "keys", ignore=shutil.ignore_patterns("*.key"))
    notes = {}
    for trail, log in made.logs.items():
        size = (sizes or {}).get(trail, log.size)
        notes[trail] = copy_trail(
            made.folder(trail),
            target / "trails" / trail,
            size,
            (floors or {}).get(trail, 0),
            volume_entries=ENTRIES,
        )
    return target, notes


def test_a_copy_holds_the_same_entries_and_verifies(grown, tmp_path):
    target, notes = copied(grown, tmp_path)
    report = verify(target, workers=1, volume_entries=ENTRIES)
    assert report.verdict == "intact", report.lines()
    original, copy = (LedgerReader(at, volume_entries=ENTRIES) for at in (grown.data, target))
    assert original.sizes() == copy.sizes()
    for trail, size in copy.sizes().items():
        assert copy.read(trail, 0, size) == original.read(trail, 0, size)
        assert notes[trail] == original.checkpoint(trail)


def test_a_copy_ends_at_the_mark_however_far_the_writer_went_on(grown, tmp_path):
    grown.sign()
    sizes = {trail: log.size for trail, log in grown.logs.items()}
    for trail in sizes:
        grown.write(trail, 2 * ENTRIES)
    grown.sign()
    grown.seal()
    target, notes = copied(grown, tmp_path, sizes)
    assert LedgerReader(target, volume_entries=ENTRIES).sizes() == sizes
    assert {t: Checkpoint.from_note(n)[0].size for t, n in notes.items()} == sizes
    report = verify(target, workers=1, volume_entries=ENTRIES)
    assert (report.verdict, [t.uncommitted for t in report.trails]) == ("intact", [0, 0])


def test_whole_volumes_that_are_not_sealed_yet_are_sealed_in_the_copy(grown, tmp_path):
    grown.write("access", 2 * ENTRIES)
    grown.sign()
    assert len(list(grown.folder("access").glob("active-*"))) > 1
    target, _ = copied(grown, tmp_path)
    copy = target / "trails" / "access"
    assert len(list(copy.glob("active-*"))) == 1
    assert len(list(copy.glob("volume-*.zst"))) == grown.logs["access"].size // ENTRIES
    assert verify(target, workers=1, volume_entries=ENTRIES).verdict == "intact"


def test_an_empty_trail_and_a_whole_volume_are_copied(installation, tmp_path):
    installation.write("audit", ENTRIES)
    for log in installation.logs.values():
        log.publish()
    installation.seal()
    target, _ = copied(installation, tmp_path)
    assert LedgerReader(target, volume_entries=ENTRIES).sizes() == {"access": 0, "audit": ENTRIES}
    assert verify(target, workers=1, volume_entries=ENTRIES).verdict == "intact"


def pruned(grown) -> int:
    """Drop the first volume of access, as retention does."""
    grown.system(
        "audit",
        event__action="sealtrail.prune",
        sealtrail__range__trail="access",
        sealtrail__range__end=ENTRIES,
    )
    grown.sign()
    return prune_volumes(grown.folder("access"), ENTRIES, volume_entries=ENTRIES)


def test_what_was_pruned_before_is_pruned_in_the_copy(grown, tmp_path):
    assert pruned(grown) == ENTRIES
    target, _ = copied(grown, tmp_path, floors={"access": ENTRIES})
    report = verify(target, workers=1, volume_entries=ENTRIES)
    assert (report.verdict, report.trails[0].first) == ("intact", ENTRIES), report.lines()
    assert floor_of(target / "trails" / "access") == ENTRIES


def test_what_is_pruned_under_a_copy_ends_it(grown, tmp_path):
    pruned(grown)
    with pytest.raises(NotFoundError, match="pruned while it was copied"):
        copied(grown, tmp_path)


def test_tails_that_recovery_kept_aside_are_copied(grown, tmp_path):
    (grown.folder("audit") / "torn-000000000007").write_bytes(b"half a frame")
    target, _ = copied(grown, tmp_path)
    assert (target / "trails" / "audit" / "torn-000000000007").read_bytes() == b"half a frame"


def test_a_trail_that_does_not_hold_what_is_asked_for_is_not_copied(grown, tmp_path):
    with pytest.raises(LedgerError, match="gives"):
        copied(grown, tmp_path, {"access": 10**6})


def test_a_trail_that_cannot_be_read_is_not_copied(grown, tmp_path):
    active = max(grown.folder("access").glob("active-*"))
    data = bytearray(active.read_bytes())
    data[len(data) // 2] ^= 1
    active.write_bytes(data)
    with pytest.raises((LedgerError, TamperedError)):
        copied(grown, tmp_path)


def test_a_history_is_cut_behind_the_last_checkpoint_of_the_copy_however_long_it_is(
    grown, tmp_path, monkeypatch
):
    monkeypatch.setattr(copying, "_CHUNK", 100)  # less than a note
    notes = grown.notes("audit")
    size = Checkpoint.from_note(notes[2])[0].size
    copy_trail(grown.folder("audit"), tmp_path / "copy", size, volume_entries=ENTRIES)
    history = (tmp_path / "copy" / "checkpoints").read_bytes()
    assert history == b"".join(note + b"\n" for note in notes[:3])
    assert (tmp_path / "copy" / "checkpoint").read_bytes() == notes[2]


def test_a_history_that_is_none_is_refused(grown, tmp_path):
    for garbage in (b"", b"x" * 100, b"a\n\nb\n\n"):
        (grown.folder("audit") / "checkpoints").write_bytes(garbage)
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        with pytest.raises(LedgerError):
            copy_trail(grown.folder("audit"), tmp_path / "copy", 5, volume_entries=ENTRIES)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic"):
        copy_file(tmp_path / "link", tmp_path / "copy")
