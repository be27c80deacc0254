from __future__ import annotations

import os
import socket

import pytest

from sealtrail.spool.trusted import read_trusted


def test_a_file_is_read_up_to_the_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    assert read_trusted(path, 4) == b"abcd"
    (tmp_path / "link").symlink_to(path)
    assert read_trusted(tmp_path / "link", 9) == b"abcdef"
    with pytest.raises(OSError, match="symbolic"):
        read_trusted(tmp_path / "link", 9, flags=os.O_NOFOLLOW)


def test_what_would_block_or_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket", "."):
            with pytest.raises(OSError):
                read_trusted(tmp_path / name, 9)


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o777])
def test_what_everybody_may_write_is_refused(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"mode = 'drop'")
    path.chmod(mode)
    with pytest.raises(PermissionError, match="everybody"):
        read_trusted(path, 9)
