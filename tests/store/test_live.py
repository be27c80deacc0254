"""Live rows are values."""

from __future__ import annotations

from sealtrail.event import Entry
from sealtrail.store.columns import INDEX, table
from sealtrail.store.live import Live


def _table(*indexes, trail="access"):
    return table([Entry(trail, index, b"", {"user.id": f"u{index}"}) for index in indexes])


def _indexes(live):
    return live.table()[INDEX].to_pylist()


def test_adding_gives_a_new_value_and_leaves_the_old():
    one = Live().add(_table(0, 1))
    two = one.add(_table(2))
    assert (_indexes(one), _indexes(two)) == ([0, 1], [0, 1, 2])
    assert (one.rows, two.rows) == (2, 3)
    assert two.bytes > one.bytes > 0
    assert "user.id" in two.columns


def test_many_small_commits_stay_few_tables():
    live = Live()
    for index in range(1000):
        live = live.add(_table(index))
    assert len(live.tables) < 12
    assert _indexes(live) == list(range(1000))


def test_large_commits_are_left_as_they_came(monkeypatch):
    monkeypatch.setattr("sealtrail.store.live.ENOUGH", 3)
    live = Live().add(_table(0, 1, 2)).add(_table(3, 4, 5)).add(_table(6)).add(_table(7))
    assert [len(table) for table in live.tables] == [3, 5]
    assert _indexes(live) == list(range(8))


def test_a_column_that_only_one_of_two_commits_has_keeps_its_values():
    other = table([Entry("access", 1, b"", {"tags": ["a"], "event.severity": 3})])
    live = Live().add(_table(0)).add(other)
    assert len(live.tables) == 1
    rows = live.table()
    assert rows["user.id"].to_pylist() == ["u0", None]
    assert rows["tags"].to_pylist() == [None, ["a"]]
    assert rows["event.severity"].to_pylist() == [None, 3]
    assert rows["client.ip"].null_count == 2


def test_rows_below_a_position_are_dropped_trail_by_trail():
    live = Live().add(_table(0, 1, 2)).add(_table(0, 1, 2, trail="audit"))
    kept = live.from_position({"access": 2, "other": 9})
    assert _indexes(kept) == [2, 0, 1, 2]
    assert kept.rows == 4
    assert live.from_position({"access": 3, "audit": 3}) == Live()


def test_no_rows_are_an_empty_table_of_all_columns():
    assert Live().table().num_rows == 0
