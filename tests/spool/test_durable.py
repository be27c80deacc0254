"""What the disk was asked to keep."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sealtrail.spool.durable import Durable


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "segment", os.O_WRONLY | os.O_CREAT)
    status = os.fstat(descriptor)
    yield descriptor, (status.st_dev, status.st_ino)
    os.close(descriptor)


def test_the_name_of_a_file_is_made_durable_once_and_its_bytes_each_time(file, tmp_path, monkeypatch):
    bytes_of, folders = [], []
    data, name = os.fdatasync, os.fsync

    def named(at: int) -> None:
        folders.append(Path(f"/proc/self/fd/{at}").readlink())
        name(at)

    monkeypatch.setattr(os, "fdatasync", lambda at: (bytes_of.append(at), data(at)))
    monkeypatch.setattr(os, "fsync", named)
    durable = Durable()
    assert durable.sync(*file, tmp_path)
    assert durable.sync(*file, tmp_path)
    assert len(bytes_of) == 2
    assert folders == [tmp_path, tmp_path.parent]


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_what_was_refused_raises_once_and_is_never_trusted_again(file, tmp_path, monkeypatch, call):
    def refuse(_):
        raise OSError(errno.EIO, "refused")

    durable = Durable()
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="refused"):
        durable.sync(*file, tmp_path)
    monkeypatch.undo()
    assert durable.refused == file[1]
    assert not durable.sync(*file, tmp_path)


def test_another_file_is_asked_for_anew(file, tmp_path, monkeypatch):
    durable = Durable()
    monkeypatch.setattr(os, "fdatasync", lambda _: os.close(-1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        durable.sync(*file, tmp_path)
    monkeypatch.undo()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    status = os.fstat(other)
    assert durable.sync(other, (status.st_dev, status.st_ino), tmp_path)
    os.close(other)
