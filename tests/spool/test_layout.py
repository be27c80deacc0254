import fcntl
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.spool.layout import (
    NOWHERE,
    Block,
    BlockList,
    folder_of,
    is_alive,
    make_folder,
    parse_segment_name,
    publish_blocks,
    remove_if_read,
    segment_name,
    segments,
)

EMITTERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}", fullmatch=True)


@given(EMITTERS, st.integers(0, 999_999_999))
def test_a_segment_name_says_what_it_was_made_of(emitter, number):
    assert parse_segment_name(segment_name(emitter, number)) == (emitter, number)


@pytest.mark.parametrize(
    "name",
    [
        "a.1.ndjson",
        "a.000001.json",
        ".a.000001.ndjson",
        "a.0000001.ndjson",
        "blocks.json",
        "a/b.000001.ndjson",
        "",
    ],
)
def test_other_names_are_no_segments(name):
    assert parse_segment_name(name) is None


@given(st.text(max_size=40))
def test_whatever_is_read_as_a_segment_is_written_the_same(name):
    parsed = parse_segment_name(name)
    assert parsed is None or segment_name(*parsed) == name


def test_segments_are_listed_by_emitter_and_number(tmp_path):
    for name in ("b.000000.ndjson", "a.000010.ndjson", "a.000002.ndjson", "blocks.json"):
        (tmp_path / name).touch()
    (tmp_path / "c.000000.ndjson").symlink_to(tmp_path / "blocks.json")
    assert [path.name for _, path in segments(tmp_path)] == [
        "a.000002.ndjson",
        "a.000010.ndjson",
        "b.000000.ndjson",
    ]
    assert segments(tmp_path / "absent") == []


def test_a_segment_is_alive_while_its_writer_holds_the_lock(tmp_path):
    path = tmp_path / segment_name("a", 0)
    with path.open("wb") as writer:
        assert not is_alive(path)
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert is_alive(path)
        assert not remove_if_read(path, 0)
    assert not is_alive(path)
    assert not is_alive(tmp_path / "absent")


def test_a_segment_is_removed_only_when_all_of_it_was_read(tmp_path):
    path = tmp_path / segment_name("a", 0)
    path.write_bytes(b"{}\n")
    assert not remove_if_read(path, 2)
    assert path.exists()
    assert remove_if_read(path, 3)
    assert not path.exists()
    assert remove_if_read(path, 3)


def test_a_link_is_no_segment_to_remove(tmp_path):
    (tmp_path / "target").write_bytes(b"")
    link = tmp_path / segment_name("a", 0)
    link.symlink_to(tmp_path / "target")
    assert not remove_if_read(link, 0)
    assert not is_alive(link)


@given(
    st.floats(0, 1e10),
    st.lists(st.builds(Block, st.text(max_size=9), st.floats(0, 1e10), st.text(max_size=9))),
)
def test_a_block_list_reads_back_as_it_was_written(written, blocks):
    given_list = BlockList(written, tuple(blocks))
    assert BlockList.from_bytes(given_list.to_bytes()) == given_list


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"written":1,"version":2}', b"\xff", b'{"written":"x"}']
)
def test_another_list_is_refused(data):
    with pytest.raises(ValueError, match="blocks"):
        BlockList.from_bytes(data)


def test_publishing_replaces_the_list_and_leaves_nothing_else(tmp_path):
    publish_blocks(tmp_path, BlockList(1.0))
    publish_blocks(tmp_path, BlockList(2.0, (Block("203.0.113.9", 3.0, "x"),)))
    assert [path.name for path in tmp_path.iterdir()] == ["blocks.json"]
    assert BlockList.from_bytes((tmp_path / "blocks.json").read_bytes()).written == 2.0
    assert stat.S_IMODE((tmp_path / "blocks.json").stat().st_mode) == 0o640


def test_a_new_folder_belongs_to_owner_and_group_and_an_old_one_stays(tmp_path):
    before = os.umask(0o077)
    try:
        make_folder(tmp_path / "deep" / "spool")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "spool").stat().st_mode) == 0o2770
    (tmp_path / "old").mkdir(mode=0o700)
    make_folder(tmp_path / "old")
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o700


def test_a_spool_that_is_standard_output_has_no_folder():
    assert folder_of(Path("stdout:")) == NOWHERE
    assert folder_of(Path("spool")) == Path("spool")
