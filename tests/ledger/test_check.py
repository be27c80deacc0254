from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from sealtrail.ledger.layout import (
    HEADER_BYTES,
    MARK_BYTES,
    frame,
    frame_header,
    records,
    seek_table,
    split_records,
)
from sealtrail.ledger.merkle import leaf_hashes


def first_frame(data: bytes) -> tuple[int, list[bytes], int]:
    """(first index, entries, bytes) of the frame an active file begins with."""
    header = frame_header(data)
    assert header is not None
    entries = split_records(data[HEADER_BYTES : HEADER_BYTES + header.payload])
    return header.first, entries, HEADER_BYTES + header.body


def rewrite_first_frame(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> int:
    """Rewrite the first commit of an active file with good checksums, as a careful intruder would."""
    data = path.read_bytes()
    first, entries, length = first_frame(data)
    changed = change(entries)
    path.write_bytes(frame(first, changed, leaf_hashes(changed)) + data[length:])
    return first


# --- active files


def test_an_edited_byte_is_found_at_its_entry(grown):
    active = next(grown.folder("access").glob("active-*"))
    data = bytearray(active.read_bytes())
    first, entries, _ = first_frame(bytes(data))
    at = data.index(entries[17])
    data[at + 20] ^= 1
    active.write_bytes(data)
    report = grown.verify()
    assert report.lines()[0].startswith(f"tampered at access/{first + 17}: ")
    assert grown.indexes(report, "access")[0] == first + 17


@pytest.mark.parametrize(
    "change",
    [
        lambda e: [e[0].replace(b"event.id", b"event.iD"), *e[1:]],
        lambda e: [e[1], e[0], *e[2:]],
        lambda e: [*e[:3], e[2], *e[4:]],
    ],
    ids=["edit", "swap", "duplicate"],
)
def test_a_careful_rewrite_is_found_between_two_checkpoints(grown, change):
    active = next(grown.folder("access").glob("active-*"))
    first = rewrite_first_frame(active, change)
    report = grown.verify()
    assert report.verdict == "tampered"
    found = grown.indexes(report, "access")[0]
    assert found is not None
    assert found <= first + 3
    assert "signed" in report.trails[0].problems[0].what


@pytest.mark.parametrize("change", [lambda e: e[1:], lambda e: [e[0], *e]], ids=["delete", "insert"])
def test_a_careful_change_of_number_is_found_at_the_next_frame(grown, change):
    active = next(grown.folder("access").glob("active-*"))
    rewrite_first_frame(active, change)
    assert grown.verify().verdict == "tampered"


def test_marks_alone_may_be_damaged(grown):
    active = next(grown.folder("access").glob("active-*"))
    data = bytearray(active.read_bytes())
    first, entries, length = first_frame(bytes(data))
    data[length - MARK_BYTES] ^= 1
    active.write_bytes(data)
    assert grown.indexes(grown.verify(), "access") == [first + len(entries) - 1]


# --- sealed volumes


def test_a_sealed_volume_replaced_with_all_that_belongs_to_it_is_found(grown, build):
    """The intruder seals other entries properly: only the signature stands against it."""
    other = build("other")
    other.grow()
    assert other.folder("access").joinpath("volume-000000.tile").read_bytes() != (
        grown.folder("access").joinpath("volume-000000.tile").read_bytes()
    )
    for name in ("volume-000000.zst", "volume-000000.tile", "sealed"):
        shutil.copy(other.folder("access") / name, grown.folder("access") / name)
    report = grown.verify()
    # `sealed` lists both volumes of the other log, so volume 1 contradicts its line as well.
    assert report.verdict == "tampered"
    assert grown.indexes(report, "access")[0] is not None


def test_a_recompressed_volume_is_found_though_its_entries_are_the_same(grown):
    path = grown.folder("access") / "volume-000000.zst"
    plain = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    packed = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(plain)
    path.write_bytes(packed + seek_table([(len(packed), len(plain))]))
    assert grown.places(grown.verify()) == {"trails/access/volume-000000.zst"}


def test_an_edited_and_repacked_entry_is_found_in_its_bundle(grown):
    path = grown.folder("access") / "volume-000000.zst"
    plain = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    entries = split_records(plain)
    entries[700] = entries[700].replace(b"event.id", b"event.iD")
    plain = records(entries)
    packed = zstandard.ZstdCompressor(level=6, write_checksum=True).compress(plain)
    path.write_bytes(packed + seek_table([(len(packed), len(plain))]))
    report = grown.verify()
    assert grown.indexes(report, "access")[0] == 512
    assert "access/512" in grown.places(report)


def test_a_volume_that_claims_to_unpack_to_terabytes_is_refused_before_it_is_unpacked(grown):
    path = grown.folder("access") / "volume-000000.zst"
    # A zstd frame header whose content size field says 2^40, with a checksum flag.
    bomb = bytes.fromhex("28b52ffde4") + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00" + b"\x00" * 4
    path.write_bytes(bomb + seek_table([(len(bomb), 1000)]))
    assert "access/0" in grown.places(grown.verify())


def test_a_volume_sealed_without_a_signature_shows(grown):
    folder = grown.folder()
    grown.write_history(grown.notes()[:2])
    (folder / "checkpoint").write_bytes(grown.notes()[1])
    assert "trails/audit/sealed" in grown.places(grown.verify())
