from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from sealtrail.anchor import folder
from sealtrail.anchor.folder import FolderAnchor
from sealtrail.anchor.places import place
from sealtrail.anchor.standing import DivergedError
from sealtrail.ledger.checkpoint import history_notes, history_record
from sealtrail.ledger.files import Disk

FILE = "acme.example/api/audit.checkpoints"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


@pytest.fixture
def anchor(elsewhere: Path) -> FolderAnchor:
    return FolderAnchor(place(str(elsewhere)))


def copied(elsewhere: Path) -> list[bytes]:
    data = (elsewhere / FILE).read_bytes()
    notes = [note for note, _ in history_notes(data)]
    assert b"".join(map(history_record, notes)) == data
    return notes


def test_each_checkpoint_is_appended_from_the_latest_on(trail, elsewhere, anchor):
    trail.grow()
    notes = [trail.grow(3)]
    pushed = anchor.push(trail.ours, None)
    assert pushed.size == 4
    for _ in range(2):
        notes += [trail.grow(), trail.grow()]
        pushed = anchor.push(trail.ours, pushed)
    assert copied(elsewhere) == notes
    assert (elsewhere / FILE).stat().st_mode & 0o777 == 0o600
    assert anchor.push(trail.ours, pushed) == pushed  # no news
    assert copied(elsewhere) == notes
    again = FolderAnchor(place(str(elsewhere)))  # after a restart, which forgot what was where
    assert again.push(trail.ours, None) == pushed


def test_what_was_missed_is_caught_up_with_in_pieces(trail, elsewhere, anchor, monkeypatch):
    monkeypatch.setattr(folder, "PIECE_BYTES", 500)
    first = trail.grow()
    pushed = anchor.push(trail.ours, None)
    notes = [first, *(trail.grow() for _ in range(9))]
    assert anchor.push(trail.ours, pushed).size == 10
    assert copied(elsewhere) == notes


class Filling(Disk):
    """Takes so many bytes more, then is full; what fitted stays."""

    def __init__(self) -> None:
        self.room = 10**9

    def write(self, fd: int, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = super().write(fd, data[: self.room])
        self.room -= done
        return done


@pytest.mark.parametrize("room", [0, 1, 17, 60, 150])
def test_what_a_full_disk_cut_short_is_completed_later(trail, elsewhere, room):
    disk = Filling()
    anchor = FolderAnchor(place(str(elsewhere)), disk)
    notes = [trail.grow()]
    pushed = anchor.push(trail.ours, None)
    notes.append(trail.grow())
    disk.room = room
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            anchor.push(trail.ours, pushed)
        disk.room = 0
    disk.room = 10**9
    notes.append(trail.grow())
    later = FolderAnchor(place(str(elsewhere)), disk) if room % 2 else anchor
    assert later.push(trail.ours, pushed).size == 3
    assert copied(elsewhere) == notes


def test_a_first_record_that_was_cut_short_is_completed_as_well(trail, elsewhere):
    disk = Filling()
    anchor = FolderAnchor(place(str(elsewhere)), disk)
    trail.grow()
    note = trail.grow()
    disk.room = 70
    with pytest.raises(OSError, match="No space left"):
        anchor.push(trail.ours, None)
    disk.room = 10**9
    later = trail.grow()
    assert anchor.push(trail.ours, None).size == 3
    assert copied(elsewhere) == [note, later]


def test_a_folder_that_is_not_there_is_a_failure_and_not_made(trail, elsewhere, anchor):
    trail.grow()
    elsewhere.rmdir()
    with pytest.raises(FileNotFoundError, match="mounted"):
        anchor.push(trail.ours, None)
    assert not elsewhere.exists()


class ReadOnly(Disk):
    """A file system that was mounted anew without the right to write."""

    def create(self, path: Path, *, fresh: bool = False) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    mkdir = create  # type: ignore[assignment]


def test_a_folder_that_cannot_be_written_is_a_failure(trail, elsewhere):
    trail.grow()
    with pytest.raises(OSError, match="Read-only"):
        FolderAnchor(place(str(elsewhere)), ReadOnly()).push(trail.ours, None)
    assert list(elsewhere.iterdir()) == []


def test_another_that_appends_there_is_waited_for(trail, elsewhere, anchor):
    trail.grow()
    pushed = anchor.push(trail.ours, None)
    trail.grow()
    with (elsewhere / FILE).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            anchor.push(trail.ours, pushed)
    assert anchor.push(trail.ours, pushed).size == 2


def test_a_link_is_not_followed(trail, elsewhere, anchor, tmp_path):
    trail.grow()
    (elsewhere / FILE).parent.mkdir(parents=True)
    (elsewhere / FILE).symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic"):
        anchor.push(trail.ours, None)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("entries", [3, 8, 9], ids=["cut", "rewritten", "rewritten and longer"])
@pytest.mark.parametrize("restart", [True, False])
def test_a_trail_that_was_rewritten_or_cut_contradicts_and_is_not_appended(
    trail, elsewhere, entries, restart
):
    anchor = FolderAnchor(place(str(elsewhere)))
    trail.grow(4)
    trail.grow(4)
    pushed = anchor.push(trail.ours, None)
    before = (elsewhere / FILE).read_bytes()
    trail.rewrite(entries)
    if restart:
        anchor, pushed = FolderAnchor(place(str(elsewhere))), None
    else:
        (elsewhere / FILE).touch()
    with pytest.raises(DivergedError) as caught:
        anchor.push(trail.ours, pushed)
    assert (caught.value.trail, caught.value.size) == ("audit", 8)
    assert caught.value.shown
    assert (elsewhere / FILE).read_bytes() == before


def test_an_earlier_note_that_was_changed_is_seen_though_the_last_one_fits(trail, elsewhere, anchor):
    trail.grow()
    pushed = anchor.push(trail.ours, None)
    trail.grow()
    pushed = anchor.push(trail.ours, pushed)
    path = elsewhere / FILE
    path.write_bytes(path.read_bytes().replace(b"\n1\n", b"\n0\n", 1))
    with pytest.raises(DivergedError, match="did not sign"):
        anchor.push(trail.ours, pushed)


def test_a_copy_that_was_cut_emptied_removed_or_mixed_contradicts(trail, elsewhere, anchor):
    trail.grow()
    pushed = anchor.push(trail.ours, None)
    trail.grow()
    pushed = anchor.push(trail.ours, pushed)
    path = elsewhere / FILE
    whole = path.read_bytes()
    notes = [history_record(note) for note, _ in history_notes(whole)]
    for data, why in (
        (notes[0], "cut off: it had 2"),
        (b"", "cut off: it had 2"),
        (notes[1] + notes[0], "1 entries after 2"),
        (whole + b"something else", "never signed"),
        (whole + b"x\n\ny\n\n", "no checkpoint"),
    ):
        path.write_bytes(data)
        with pytest.raises(DivergedError, match=why):
            anchor.push(trail.ours, pushed)
        assert path.read_bytes() == data
    path.unlink()
    with pytest.raises(DivergedError, match="gone"):
        anchor.push(trail.ours, pushed)
    assert not path.exists()
    path.write_bytes(whole)  # put right by an operator
    assert anchor.push(trail.ours, pushed) == pushed
