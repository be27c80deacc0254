from sealtrail.capture import pending
from sealtrail.capture.pending import Pending, RowChange, row


def test_a_row_has_one_side_alone():
    assert row(None, {"a": 1}) == [{"path": "a", "new": 1}]
    assert row({"a": [1]}, None) == [{"path": "a", "old": [1]}]


def test_nothing_waits_after_it_was_told_or_thrown_away(made, events):
    waiting = Pending()
    waiting.add(RowChange("update", "users", "1"))
    assert len(waiting) == 1
    waiting.clear()
    waiting.committed()
    assert (len(waiting), events()) == (0, [])


def test_savepoints_count_what_is_beyond_the_number_as_well(made, events, monkeypatch):
    monkeypatch.setattr(pending, "MAX_OBJECTS", 1)
    waiting = Pending()
    waiting.add(RowChange("create", "users", "1"))
    waiting.add(RowChange("create", "users", "2"))
    waiting.savepoint()
    waiting.add(RowChange("create", "users", "3"))
    waiting.savepoint()
    waiting.release()
    waiting.back()
    waiting.add(RowChange("delete", "users", rows=5))
    waiting.committed()
    assert [e["sealtrail.details"].get("rows") for e in events()[1:]] == [1, 5]


def test_an_end_without_a_savepoint_is_no_fault():
    waiting = Pending()
    waiting.release()
    waiting.back()
    waiting.failed(KeyError())
    assert len(waiting) == 0
