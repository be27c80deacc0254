from __future__ import annotations

import pytest

from sealtrail.errors import TamperedError, UsageError
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.layout import split_records
from sealtrail.ledger.merkle import leaf_hashes, root_of
from sealtrail.ledger.reader import LedgerReader


@pytest.fixture
def reader(grown):
    reader = LedgerReader(grown.data, volume_entries=1024)
    yield reader
    reader.close()


def test_an_export_holds_exactly_the_files_of_its_size(reader, grown, tmp_path):
    checkpoint = export_tlog(reader, "access", tmp_path / "out")
    size = grown.logs["access"].published
    assert checkpoint.size == size
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    full, rest = divmod(size, 256)
    wanted = {"checkpoint", f"tile/1/000.p/{full}"}
    for kind in ("0", "entries"):
        wanted |= {f"tile/{kind}/{n:03d}" for n in range(full)}
        wanted |= {f"tile/{kind}/{full:03d}.p/{rest}"}
    assert names == wanted


def test_bundles_hold_the_entries_and_tiles_their_hashes(reader, tmp_path):
    export_tlog(reader, "access", tmp_path / "out")
    entries = split_records((tmp_path / "out/tile/entries/001").read_bytes())
    assert entries == reader.read("access", 256, 256)
    leaves = leaf_hashes(entries)
    assert (tmp_path / "out/tile/0/001").read_bytes() == b"".join(leaves)
    upper = next((tmp_path / "out/tile/1").glob("000.p/*")).read_bytes()
    assert upper[32:64] == root_of(leaves)


def test_an_empty_trail_is_a_checkpoint_alone(installation, tmp_path):
    reader = LedgerReader(installation.data, volume_entries=1024)
    export_tlog(reader, "audit", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint"]
    reader.close()


def test_a_folder_with_something_in_it_is_not_written_to(reader, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(UsageError):
        export_tlog(reader, "access", tmp_path / "out")


def test_a_trail_that_was_tampered_with_is_not_exported_with_a_checkpoint(grown, tmp_path):
    path = next(grown.folder("access").glob("active-*"))
    from sealtrail.ledger.layout import HEADER_BYTES, frame, frame_header

    data = path.read_bytes()
    header = frame_header(data)
    entries = split_records(data[HEADER_BYTES : HEADER_BYTES + header.payload])
    entries[0] = b"{}"
    rest = data[HEADER_BYTES + header.body :]
    path.write_bytes(frame(header.first, entries, leaf_hashes(entries)) + rest)
    reader = LedgerReader(grown.data, volume_entries=1024)
    with pytest.raises(TamperedError):
        export_tlog(reader, "access", tmp_path / "out")
    assert not (tmp_path / "out" / "checkpoint").exists()
    reader.close()
