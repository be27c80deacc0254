from __future__ import annotations

import os

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.files import Disk, read_exactly, read_file, refusals, replace, write_all


class Recorder(Disk):
    """Writes what was called, and writes three bytes at a time."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def write(self, fd, data):
        self.calls.append("write")
        return super().write(fd, data[:3])

    def datasync(self, fd):
        self.calls.append("datasync")
        super().datasync(fd)

    def rename(self, source, target):
        self.calls.append("rename")
        super().rename(source, target)

    def sync_folder(self, path):
        self.calls.append("sync_folder")
        super().sync_folder(path)


def test_a_file_is_replaced_in_the_order_that_survives_a_crash(tmp_path):
    disk = Recorder()
    replace(disk, tmp_path / "x", b"1234")
    assert disk.calls == ["write", "write", "datasync", "rename", "sync_folder"]
    assert (tmp_path / "x").read_bytes() == b"1234"
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_short_writes_are_continued(tmp_path):
    fd = Disk().create(tmp_path / "x")
    write_all(Recorder(), fd, b"0123456789")
    os.close(fd)
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / "x").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        Disk().create(tmp_path / "x", fresh=True)
    with pytest.raises(OSError, match="symbolic"):
        read_file(tmp_path / "x", 100)
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_a_file_larger_than_its_limit_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_file(tmp_path / "x", 5) == b"12345"
    with pytest.raises(LedgerError, match="larger than 4"):
        read_file(tmp_path / "x", 4)


def test_reading_ends_where_the_file_ends(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    with (tmp_path / "x").open("rb") as file:
        assert read_exactly(file.fileno(), 100, 2) == b"345"
        assert read_exactly(file.fileno(), 100, 9) == b""


def test_what_the_disk_refuses_is_a_ledger_error_with_its_cause(tmp_path):
    with pytest.raises(LedgerError) as caught, refusals(tmp_path):
        raise OSError(28, "No space left on device")
    assert caught.value.code == "ledger.io"
    assert "No space left" in caught.value.what
