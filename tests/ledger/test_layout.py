from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import LedgerError
from sealtrail.ledger import layout
from sealtrail.ledger.layout import SealedLine, tile_of, tile_path
from sealtrail.ledger.merkle import leaf_hashes

ENTRIES = [b'{"a":1}', b'{"b":2}', b"x" * 65_535]


def test_a_frame_reads_back():
    data = layout.frame(7, ENTRIES, leaf_hashes(ENTRIES))
    header = layout.frame_header(data)
    assert (header.first, header.count) == (7, 3)
    body = data[layout.HEADER_BYTES :]
    assert len(body) == header.body
    assert layout.frame_is_whole(header, body)
    assert layout.split_records(body[: header.payload]) == ENTRIES


def test_the_bytes_of_a_frame_are_those_of_the_reference():
    data = layout.frame(258, [b"{}"], [bytes(range(32))])
    # magic, payload 4, count 1, first 258, checksum; length 2 and the entry; the mark.
    assert data[:20].hex() == "535446310000000400000001" + "0000000000000102"
    assert data[24:].hex() == "00027b7d" + "00010203"
    assert len(data) == 32


@pytest.mark.parametrize("at", range(32))
def test_any_flipped_byte_of_a_frame_is_noticed(at):
    data = bytearray(layout.frame(258, [b"{}"], [bytes(range(32))]))
    data[at] ^= 0x10
    header = layout.frame_header(bytes(data))
    assert header is None or not layout.frame_is_whole(header, bytes(data[24:]))


def test_a_frame_that_claims_gigabytes_is_no_frame():
    data = bytearray(layout.frame(0, [b"{}"], [bytes(32)]))
    data[4:8] = (1 << 31).to_bytes(4, "big")
    assert layout.frame_header(bytes(data)) is None
    data = bytearray(layout.frame(0, [b"{}"], [bytes(32)]))
    data[8:12] = (1 << 31).to_bytes(4, "big")
    assert layout.frame_header(bytes(data)) is None


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00"])
def test_records_that_do_not_add_up_are_refused(data):
    with pytest.raises(LedgerError):
        layout.split_records(data)


def test_the_list_of_sealed_volumes_reads_back():
    lines = [SealedLine(n, bytes([n]) * 32, bytes([n + 1]) * 32, 1000 + n) for n in range(3)]
    text = layout.sealed_text(lines)
    assert layout.sealed_lines(text) == lines
    assert layout.sealed_lines(b"") == []


def test_any_other_form_of_the_list_is_refused():
    lines = [SealedLine(n, bytes([n]) * 32, bytes([n + 0xAA]) * 32, 1000 + n) for n in range(2)]
    text = layout.sealed_text(lines)
    first, second = text.splitlines(keepends=True)
    for bad in (text[:-1], second, second + first, first + first, text + b"\n", text.upper(), first + b"x\n"):
        with pytest.raises(LedgerError):
            layout.sealed_lines(bad)


def test_the_seek_table_is_that_of_the_zstd_seekable_format():
    table = layout.seek_table([(100, 1000), (200, 3000)])
    assert table.hex() == (
        "5e2a4d18" + "19000000" + "64000000e8030000" + "c8000000b80b0000" + "02000000" + "00" + "b1ea928f"
    )
    assert layout.seek_table_bytes(table[-9:]) == len(table)
    assert layout.seek_rows(table) == [(100, 1000), (200, 3000)]


def test_a_seek_table_that_cannot_be_is_refused():
    table = layout.seek_table([(100, 1000)])
    for at in range(len(table) - 9, len(table)):
        bad = bytearray(table)
        bad[at] ^= 0x81
        with pytest.raises(LedgerError):
            layout.seek_rows(bytes(bad)[-layout.seek_table_bytes(bytes(bad[-9:])) :])
    with pytest.raises(LedgerError):
        layout.seek_table_bytes(b"")
    with pytest.raises(LedgerError):
        layout.seek_rows(layout.seek_table([(1, layout.MAX_UNPACKED_BYTES + 1)]))


def test_tile_paths_are_those_of_tlog_tiles():
    assert layout.tile_path(0, 0) == "tile/0/000"
    assert layout.tile_path(1, 1_234_067) == "tile/1/x001/x234/067"
    assert layout.tile_path(None, 2, 88) == "tile/entries/002.p/88"
    assert layout.tile_path(0, 1000, 1) == "tile/0/x001/000.p/1"


def test_the_floor_reads_back_and_nothing_else_does():
    assert layout.pruned_end(layout.pruned_text(65_536)) == 65_536
    for bad in (b"", b"\n", b"1", b"01\n", b"-1\n", b"1 \n", b"9" * 19 + b"\n", "٣\n".encode()):
        with pytest.raises(LedgerError):
            layout.pruned_end(bad)


def test_only_powers_of_two_of_a_bundle_at_least_are_volumes():
    assert layout.volume_level(65_536) == 16
    for bad in (0, 255, 128, 300):
        with pytest.raises(ValueError, match="power of two"):
            layout.volume_level(bad)


def test_every_name_the_ledger_writes_is_its_own():
    names = [
        layout.active_name(12),
        layout.volume_name(1_000_000),
        layout.tile_name(3),
        layout.torn_name(5),
        layout.CHECKPOINT,
        layout.HISTORY,
        layout.SEALED,
        layout.PRUNED,
    ]
    assert all(layout.is_ledger_name(name) for name in names)
    assert not layout.is_ledger_name("notes.txt")


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_path_of_a_tile_reads_back_as_what_it_was_made_of(level, number, width):
    assert tile_of(tile_path(level, number, width)) == (level, number, width)


@given(st.text("tile/entries0123456789xp.", max_size=30).map(lambda text: f"tile/0/{text}"))
def test_a_tile_has_one_path_and_no_other(text):
    try:
        level, number, width = tile_of(text)
    except LedgerError as error:
        assert error.code == "ledger.format"
    else:
        assert tile_path(level, number, width) == text
