from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.content import Content, content


def everything(source: Content, size: int = 7) -> bytes:
    parts = []
    while part := source.read(size):
        assert len(part) <= size
        parts.append(part)
    return b"".join(parts)


def test_a_plain_file_is_read_as_it_is(tmp_path: Path):
    path = tmp_path / "a.gz"  # its name decides nothing
    path.write_bytes(b"one\ntwo")
    with content(path) as source:
        assert everything(source) == b"one\ntwo"
        assert (source.damage, source.position) == ("", 7)


@pytest.mark.parametrize("padding", [b"", b"\0" * 100])
def test_gzip_members_are_read_one_after_the_other(tmp_path: Path, padding: bytes):
    path = tmp_path / "a.log"
    data = gzip.compress(b"one\n") + padding + gzip.compress(b"") + gzip.compress(b"two\n" * 10_000) + padding
    path.write_bytes(data)
    with content(path) as source:
        assert everything(source, 1000) == b"one\n" + b"two\n" * 10_000
        assert (source.damage, source.position) == ("", len(data))


def test_a_cut_file_gives_what_it_has_and_tells(tmp_path: Path):
    path = tmp_path / "a.gz"
    whole = bytes(range(256)) * 200
    path.write_bytes(gzip.compress(whole)[:-9])
    with content(path) as source:
        got = everything(source)
        assert whole.startswith(got)
        assert len(got) > 40_000
        assert "too early" in source.damage


def test_a_flipped_bit_is_told(tmp_path: Path):
    data = bytearray(gzip.compress(b"line\n" * 1000))
    data[-6] ^= 1
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with content(path) as source:
        everything(source)
        assert "damaged" in source.damage
        assert source.read(1) == b""


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=3), st.integers(1, 200))
def test_any_members_read_in_any_steps_are_their_contents(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
):
    path = tmp_path_factory.mktemp("gz") / "a"
    path.write_bytes(b"".join(gzip.compress(part) for part in parts))
    with content(path) as source:
        assert everything(source, size) == b"".join(parts)
        assert source.damage == ""
