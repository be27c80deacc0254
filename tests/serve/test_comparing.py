"""Each kind of fault planted in the files of an index: none passes for what the ledger says."""

from __future__ import annotations

import shutil

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sealtrail.serve.comparing import compare, compared
from sealtrail.serve.folder import Folder
from sealtrail.store.comparing import Segments
from sealtrail.store.manifest import MANIFEST, Manifest, load, save
from sealtrail.store.query.sql import key_column
from sealtrail.store.segments import Summary

EVENTS = 40


@pytest.fixture
def data(collecting, line, tmp_path):
    with collecting() as collector:
        for part in (0, 1):
            more = {"client.ip": "10.0.0.7", "user.id": "alice", "odd": {"name": "x"}}
            collector.submit("key:1", [line(n, "a", **more) for n in range(20 * part, 20 * part + 20)])
            assert collector.settle()
            collector.store.flush()
    return tmp_path / "data"


def told(data):
    return "\n".join(compared(data).lines())


def largest(data):
    """The segment with the most rows, and what is in it."""
    path = max((data / "store").glob("*.parquet"), key=lambda path: pq.read_metadata(path).num_rows)
    return path, pq.read_table(path)


def write(data, path, rows):
    """Put rows in a segment's place, and have the manifest say what is in it: who forges does."""
    pq.write_table(rows, path)
    index = Segments(data / "store")
    summary = Summary()
    if len(rows):
        summary.add(next(iter(index._of(_named(data, path.name))))._rows)
    true = summary.segment(path.name, path.stat().st_size)
    state = load(data / "store")
    others = tuple(true if one.file == path.name else one for one in state.segments)
    save(data / "store", msgspec.structs.replace(state, segments=others))


def _named(data, name):
    return next(one for one in load(data / "store").segments if one.file == name)


def column(rows, name, change):
    place = rows.column_names.index(name)
    values = change(rows[name].to_pylist())
    return rows.set_column(place, rows.schema.field(place), pa.array(values, rows.schema.field(place).type))


def test_an_index_as_it_was_made_says_what_the_ledger_says(data):
    found = compared(data)
    assert found.is_equal, [*found.lines()]
    assert found.rows >= EVENTS
    assert "says what the ledger says" in told(data)
    assert set(found.behind) <= {"access", "audit"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("user.id", lambda values: ["mallory", *values[1:]]),
        ("user.id", lambda values: [None, *values[1:]]),
        ("url.path", lambda values: [values[1], values[0], *values[2:]]),
        ("time", lambda values: [value - 1 for value in values]),
        (key_column("client.ip"), lambda values: [b"\0" * 16, *values[1:]]),
        ("rest", lambda values: ["{}", *values[1:]]),
        ("rest_text", lambda values: [None, *values[1:]]),
    ],
)
def test_an_altered_cell_is_named_by_its_entry_and_column(data, name, change):
    path, rows = largest(data)
    write(data, path, column(rows, name, change))
    found = compared(data)
    assert found.counts["altered"] >= 1, told(data)
    assert all(name in one.columns for one in found.differences)
    assert "access" in {one.trail for one in found.differences}


def test_a_row_that_is_gone_is_missing(data):
    path, rows = largest(data)
    write(data, path, rows.slice(1))
    gone = rows["sealtrail.index"][0].as_py()
    (one,) = compared(data).differences
    assert (one.kind, one.trail, one.index, one.end) == ("missing", "access", gone, gone + 1)


def test_a_row_that_is_there_twice_is_doubled(data):
    path, rows = largest(data)
    write(data, path, pa.concat_tables([rows, rows.slice(3, 1)]))
    (one,) = compared(data).differences
    assert (one.kind, one.index) == ("doubled", rows["sealtrail.index"][3].as_py())


def test_a_row_of_no_entry_is_invented(data):
    path, rows = largest(data)
    more = column(rows.slice(0, 1), "sealtrail.index", lambda _: [10**6])
    other = column(rows.slice(0, 1), "sealtrail.trail", lambda _: ["elsewhere"])
    write(data, path, pa.concat_tables([rows, more, other]))
    found = compared(data)
    assert [one.kind for one in found.differences] == ["invented"] * 2
    assert not found.is_equal


def test_a_row_that_is_moved_to_another_entrys_place_shows_at_both(data):
    path, rows = largest(data)
    write(data, path, column(rows, "sealtrail.index", lambda values: [values[1], *values[1:]]))
    found = compared(data)
    assert {one.kind for one in found.differences} == {"altered", "doubled", "missing"}


def test_a_segment_that_is_taken_out_of_the_manifest_is_missed_entry_by_entry(data):
    state = load(data / "store")
    save(data / "store", msgspec.structs.replace(state, segments=state.segments[1:]))
    assert compared(data).counts["missing"] == state.segments[0].rows


def test_a_segment_that_is_named_twice_is_told_and_its_rows_are_doubled(data):
    state = load(data / "store")
    save(data / "store", msgspec.structs.replace(state, segments=(*state.segments, state.segments[0])))
    found = compared(data)
    assert found.counts["doubled"] == state.segments[0].rows
    assert any("named twice" in trouble for trouble in found.troubles)


@pytest.mark.parametrize("field", ["position", "forgotten"])
def test_what_the_manifest_hides_or_claims_beyond_the_ledger_shows(data, field):
    state = load(data / "store")
    save(data / "store", msgspec.structs.replace(state, **{field: {**state.position, "access": 7}}))
    found = compared(data)
    assert not found.is_equal
    save(data / "store", msgspec.structs.replace(state, position={**state.position, "access": 10**6}))
    assert any("it says that it holds 1,000,000" in trouble for trouble in compared(data).troubles)


def test_a_repair_makes_it_again_and_a_manifest_that_is_none_is_repaired_too(data):
    path, rows = largest(data)
    write(data, path, rows.slice(1))
    assert not compared(data).is_settled
    assert compared(data, repair=True).repaired
    assert compared(data).is_equal
    (data / "store" / MANIFEST).write_bytes(b"{")
    found = compared(data, repair=True)
    assert found.troubles
    assert found.is_settled
    assert "made again" in "\n".join(found.lines())


def test_an_index_that_is_not_there_yet_is_only_behind(data):
    shutil.rmtree(data / "store")
    found = compare(data, Segments(Folder(data).store))
    assert found.is_equal
    assert found.behind["access"] >= EVENTS
    assert Manifest().rows == 0
