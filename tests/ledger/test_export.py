from __future__ import annotations

import shutil

import pytest

from sealtrail.errors import NotFoundError, TamperedError, UsageError
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.layout import pruned_text, split_records
from sealtrail.ledger.merkle import leaf_hashes, root_of
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify


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


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


STEPS = (0, 1, 255, 256, 257, 300, 512, 1023, 1024, 1025, 1300, 2048, 2100, 3500)


def test_an_export_into_the_same_folder_goes_on_where_it_ended(installation, tmp_path):
    """At every size it is what an export into a new folder is, and leaves no partial tile behind."""
    log = installation.logs["audit"]
    for number, size in enumerate(STEPS):
        if size > log.size:
            installation.write("audit", size - log.size)
        log.publish()
        installation.seal()
        for step in (1, 2, 5):  # of long and of short ways
            if number % step == 0:
                reader = LedgerReader(installation.data, volume_entries=1024)
                assert export_tlog(reader, "audit", tmp_path / f"every-{step}").size == size
                export_tlog(reader, "audit", tmp_path / f"new-{step}-{size}")
                reader.close()
                kept = files(tmp_path / f"every-{step}")
                assert kept == files(tmp_path / f"new-{step}-{size}")
                assert not [name for name in kept if ".p/" in name and name.partition(".p/")[0] in kept]


def test_an_export_of_the_same_size_writes_no_tile_again(reader, tmp_path):
    out = tmp_path / "out"
    export_tlog(reader, "access", out)
    before = {path: path.stat().st_ino for path in (out / "tile").rglob("*")}
    export_tlog(reader, "access", out)
    assert {path: path.stat().st_ino for path in (out / "tile").rglob("*")} == before


@pytest.mark.parametrize("size", [300, 1300])
def test_an_export_that_broke_off_is_finished_by_the_next(installation, tmp_path, size):
    """Killed before `checkpoint` was replaced, with tiles of the later size, one of them torn."""
    installation.write("audit", size)
    installation.logs["audit"].publish()
    out = tmp_path / "out"
    reader = LedgerReader(installation.data, volume_entries=1024)
    export_tlog(reader, "audit", out)
    old = files(out)
    installation.write("audit", 700)
    installation.logs["audit"].publish()
    export_tlog(reader, "audit", out)
    new = files(out)
    for name, data in old.items():  # as if neither the sweep nor the new checkpoint had come
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(data)
    torn = max(name for name in new if name not in old)
    (out / torn).write_bytes(new[torn][:40])
    (out / "checkpoint.tmp").write_bytes(b"half")
    export_tlog(reader, "audit", out)
    assert files(out) == new
    reader.close()


def test_an_export_that_broke_off_before_its_first_checkpoint_is_begun_again(reader, tmp_path):
    export_tlog(reader, "access", tmp_path / "out")
    whole = files(tmp_path / "out")
    (tmp_path / "out" / "checkpoint").unlink()
    (tmp_path / "out" / "tile/0/001").unlink()
    export_tlog(reader, "access", tmp_path / "out")
    assert files(tmp_path / "out") == whole


def test_an_export_of_another_trail_is_not_gone_on_with(reader, tmp_path):
    export_tlog(reader, "access", tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(UsageError, match="is an export of"):
        export_tlog(reader, "audit", tmp_path / "out")
    assert files(tmp_path / "out") == before


@pytest.mark.parametrize("count", [10, 40, 2000])
def test_a_trail_that_does_not_begin_with_what_was_exported_is_refused(build, tmp_path, count):
    """Whoever holds the key cut it off or wrote it anew, shorter, as long, or longer."""
    first, second = build("first"), build("second")
    first.write("audit", 40)
    first.logs["audit"].publish()
    reader = LedgerReader(first.data, volume_entries=1024)
    export_tlog(reader, "audit", tmp_path / "out")
    reader.close()
    before = files(tmp_path / "out")
    second.close()
    shutil.rmtree(second.data / "trails")
    for key in (first.data / "keys").iterdir():
        shutil.copy(key, second.data / "keys")
    second.open()
    second.write("audit", count)
    second.logs["audit"].publish()
    reader = LedgerReader(second.data, volume_entries=1024)
    with pytest.raises(TamperedError, match="does not begin with"):
        export_tlog(reader, "audit", tmp_path / "out")
    assert files(tmp_path / "out") == before
    reader.close()


def test_what_was_exported_before_it_was_pruned_stays_and_is_gone_on_with(installation, tmp_path):
    installation.write("audit", 1100)
    installation.sign()
    installation.seal()
    reader = LedgerReader(installation.data, volume_entries=1024)
    export_tlog(reader, "audit", tmp_path / "out")
    (installation.folder() / "pruned").write_bytes(pruned_text(1024))
    (installation.folder() / "volume-000000.zst").unlink()
    installation.write("audit", 1500)
    installation.sign()
    installation.seal()
    size = export_tlog(reader, "audit", tmp_path / "out").size
    report = verify(tmp_path / "out", keys=[installation.logs["audit"]._signer.key])
    assert report.verdict == "intact"
    assert report.trails[0].size == size > 2600
    with pytest.raises(NotFoundError):
        export_tlog(reader, "audit", tmp_path / "new")
    assert not (tmp_path / "new" / "checkpoint").exists()
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
