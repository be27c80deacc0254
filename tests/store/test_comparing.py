from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sealtrail.errors import UsageError
from sealtrail.event import Batch, Entry
from sealtrail.store import comparing
from sealtrail.store.columnar import ColumnarStore
from sealtrail.store.comparing import Segments


@pytest.fixture
def folder(tmp_path):
    store = ColumnarStore.open(tmp_path / "store")
    entries = tuple(Entry("access", n, b"", {"event.id": str(n), "client.ip": "10.0.0.1"}) for n in range(4))
    store.handle(Batch(entries, {"access": 0}, {"access": 4}))
    store.flush()
    store.close()
    return tmp_path / "store"


def drawn(folder):
    index = Segments(folder)
    rows = sum(len(part.held()) for part in index.parts())
    return rows, list(index.troubles())


def segment(folder):
    (path,) = folder.glob("*.parquet")
    return path


def test_what_the_manifest_says_of_a_segment_is_held_against_it(folder):
    assert drawn(folder) == (4, [])
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":4', b'"rows":3'))
    rows, troubles = drawn(folder)
    assert rows == 4
    assert "the manifest says another rows, trails" in troubles[0]


@pytest.mark.parametrize("how", ["gone", "cut", "link", "pipe", "noise"])
def test_a_segment_that_cannot_be_read_is_told_and_stops_nothing(folder, how, tmp_path):
    path = segment(folder)
    data = path.read_bytes()
    path.unlink()
    if how == "cut":
        path.write_bytes(data[:-9])
    elif how == "noise":
        path.write_bytes(b"PAR1" + os.urandom(200) + b"PAR1")
    elif how == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    elif how == "pipe":
        os.mkfifo(path)
    rows, troubles = drawn(folder)
    assert rows == 0
    assert "cannot be read" in troubles[0]


def test_columns_of_nobody_and_keys_that_cannot_be_show(folder):
    path = segment(folder)
    rows = pq.read_table(path)
    place = rows.column_names.index("sealtrail.index")
    rows = rows.set_column(place, "sealtrail.index", pa.array([0, None, 2, 3], pa.int64()))
    pq.write_table(rows.append_column("more", pa.array(["x"] * 4)), path)
    index = Segments(folder)
    (part,) = index.parts()
    assert part.held()[1] is None
    assert any("columns that no event has" in trouble for trouble in index.troubles())


def test_a_part_larger_than_any_of_ours_is_not_read(folder, monkeypatch):
    monkeypatch.setattr(comparing, "MAX_PART_ROWS", 3)
    rows, troubles = drawn(folder)
    assert rows == 0
    assert "larger than any we write" in troubles[0]


def test_a_manifest_that_is_none_is_refused(folder):
    (folder / "manifest.json").write_bytes(b"{")
    with pytest.raises(UsageError):
        Segments(folder)


def test_bounds_in_a_file_that_leave_its_rows_out_are_told(folder):
    path = segment(folder)
    data = path.read_bytes()
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    head, foot = data[:at], data[at:]
    assert b"10.0.0.1" in foot
    # Every cell is what it was, and DuckDB reads none of them for `client.ip:10.0.0.1`.
    path.write_bytes(head + foot.replace(b"10.0.0.1", b"10.0.0.0"))
    rows, troubles = drawn(folder)
    assert rows == 4
    assert "other bounds of client.ip than its rows have" in troubles[0]
