from __future__ import annotations

import pytest

from sealtrail.errors import NotFoundError, TamperedError
from sealtrail.ledger.merkle import leaf_hashes, root_of
from sealtrail.ledger.trail import TrailReader


@pytest.fixture
def trail(grown):
    reader = TrailReader(grown.folder("access"), volume_entries=1024)
    reader.refresh()
    yield reader
    reader.close()


def test_every_complete_subtree_has_its_hash(trail):
    leaves = leaf_hashes(trail.read(0, trail.size))
    for level in range(12):
        whole = trail.size >> level
        for index in {0, 1, whole // 2, whole - 1}:
            if 0 <= index < whole:
                wanted = root_of(leaves[index << level : (index + 1) << level])
                assert trail.node(level, index) == wanted, (level, index)


def test_hashes_follow_the_trail_as_it_grows(trail, grown):
    size = trail.size
    for count in (1, 100, 255, 700):
        grown.write("access", count)
        trail.refresh()
        size += count
        leaves = leaf_hashes(trail.read(0, size))
        first = size - size % 2 - 2
        assert trail.node(1, first // 2) == root_of(leaves[first : first + 2])
        assert trail.node(8, size // 256 - 1) == root_of(leaves[size // 256 * 256 - 256 : size // 256 * 256])


def test_nothing_is_parsed_again_when_nothing_was_written(trail, monkeypatch):
    from sealtrail.ledger import trail as module

    def refuse(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(module, "whole_frames", refuse)
    monkeypatch.setattr(module, "sealed_lines", refuse)
    trail.refresh()
    trail.read(0, 10)


def test_only_new_frames_are_parsed(trail, grown, monkeypatch):
    from sealtrail.ledger import trail as module

    offsets = []
    original = module.whole_frames

    def watch(fd, first, end, offset=0):
        offsets.append(offset)
        return original(fd, first, end, offset)

    monkeypatch.setattr(module, "whole_frames", watch)
    grown.write("access", 3)
    trail.refresh()
    assert len(offsets) == 1
    assert offsets[0] > 0


def test_a_frame_that_changes_under_a_reader_is_tampering(trail, grown):
    path = next(grown.folder("access").glob("active-*"))
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(TamperedError):
        trail.entry(2048)


def test_an_entry_beyond_the_end_is_not_there(trail):
    for index in (-1, trail.size):
        with pytest.raises(NotFoundError):
            trail.entry(index)


def test_a_sealed_volume_that_is_gone_is_tampering(trail, grown):
    (grown.folder("access") / "volume-000001.zst").unlink()
    with pytest.raises(TamperedError, match="missing"):
        trail.entry(1024)


def test_a_sealed_volume_that_is_short_is_tampering(trail, grown):
    folder = grown.folder("access")
    # A whole volume file of another height: fewer entries than its frame should have.
    import zstandard

    from sealtrail.ledger.layout import records, seek_table

    plain = records([b"{}"] * 10)
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(plain)
    (folder / "volume-000001.zst").write_bytes(packed + seek_table([(len(packed), len(plain))]))
    with pytest.raises(TamperedError, match="short"):
        trail.entry(1500)
