from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.files import Disk
from sealtrail.ledger.layout import frame, sealed_lines, seek_table, split_records
from sealtrail.ledger.merkle import leaf_hashes, root_of
from sealtrail.ledger.volume import VolumeFile, frame_at, seal_volume, tile_hashes, whole_frames

ENTRIES = [b'{"n":%d}' % n for n in range(2048)]


@pytest.fixture
def folder(tmp_path):
    data = b"".join(
        frame(at, ENTRIES[at : at + 100], leaf_hashes(ENTRIES[at : at + 100])) for at in range(0, 2048, 100)
    )
    (tmp_path / "active-000000").write_bytes(data)
    return tmp_path


def test_a_sealed_volume_holds_the_entries_in_frames_of_1024(folder):
    line = seal_volume(folder, 0, 2048, Disk())
    path = folder / "volume-000000.zst"
    assert (line.volume, line.root, line.size) == (0, root_of(leaf_hashes(ENTRIES)), path.stat().st_size)
    assert line.sha256 == hashlib.sha256(path.read_bytes()).digest()
    with VolumeFile(path) as file:
        assert file.frames == 2
        assert split_records(file.unpack(1)) == ENTRIES[1024:]
        assert file.digest() == line.sha256
    tile = tile_hashes((folder / "volume-000000.tile").read_bytes(), 2048)
    assert tile[3] == root_of(leaf_hashes(ENTRIES[768:1024]))
    assert sealed_lines(line.text.encode()) == [line]


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the zstd command is not installed")
def test_the_zstd_command_unpacks_a_sealed_volume(folder):
    seal_volume(folder, 0, 2048, Disk())
    path = folder / "volume-000000.zst"
    plain = subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout
    assert split_records(plain) == ENTRIES


def test_a_volume_that_is_not_full_is_not_sealed(folder):
    active = folder / "active-000000"
    active.write_bytes(active.read_bytes()[:-1])
    with pytest.raises(LedgerError, match="2000 good entries of 2048"):
        seal_volume(folder, 0, 2048, Disk())
    assert not (folder / "volume-000000.zst").exists()


@pytest.mark.parametrize("cut", [1, 8, 20, 40])
def test_a_sealed_file_cut_short_is_refused(folder, cut):
    seal_volume(folder, 0, 2048, Disk())
    path = folder / "volume-000000.zst"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(LedgerError):
        VolumeFile(path)


def test_a_frame_that_is_not_what_the_table_says_is_refused(folder):
    seal_volume(folder, 0, 2048, Disk())
    path = folder / "volume-000000.zst"
    data = path.read_bytes()
    with VolumeFile(path) as file:
        sizes = file.places()
    wrong = [(packed, plain + 1) for _, packed, plain in sizes]
    body = data[: sum(packed for packed, _ in wrong)]
    path.write_bytes(body + seek_table(wrong))
    with VolumeFile(path) as file, pytest.raises(LedgerError, match="not what the seek table says"):
        file.unpack(0)
    path.write_bytes(bytes(len(body)) + data[len(body) :])
    with VolumeFile(path) as file, pytest.raises(LedgerError):
        file.unpack(0)


def test_frames_are_read_from_where_a_reader_stopped(folder):
    import os

    fd = os.open(folder / "active-000000", os.O_RDONLY)
    try:
        found = list(whole_frames(fd, 0, 2048))
        assert [entry for _, _, entries in found for entry in entries] == ENTRIES
        offset = found[4][0]
        assert next(whole_frames(fd, 400, 2048, offset))[2] == ENTRIES[400:500]
        assert list(whole_frames(fd, 399, 2048, offset)) == []
        assert len(list(whole_frames(fd, 0, 250))) == 2
        assert frame_at(fd, 10**9) is None
    finally:
        os.close(fd)


def test_a_tile_of_a_wrong_length_is_refused():
    with pytest.raises(LedgerError):
        tile_hashes(bytes(31), 256)
