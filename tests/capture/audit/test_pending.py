import asyncio
from types import SimpleNamespace

import pytest

from sealtrail.capture.audit import pending
from sealtrail.capture.audit.pending import Pending, RowChange, committing, row, rows_of
from sealtrail.errors import BusyError


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
    waiting.savepoint("a")
    waiting.add(RowChange("create", "users", "3"))
    waiting.savepoint("b")
    waiting.release("b")
    waiting.back("a")
    waiting.add(RowChange("delete", "users", rows=5))
    waiting.committed()
    assert [e["sealtrail.details"].get("rows") for e in events()[1:]] == [1, 5]


def test_an_end_without_a_savepoint_is_no_fault():
    waiting = Pending()
    waiting.release("a")
    waiting.back("a")
    waiting.failed(KeyError())
    assert len(waiting) == 0


def test_an_outer_savepoint_takes_back_what_came_after_it_whatever_was_begun_within(made, events):
    waiting = Pending()
    for name in ("a", "b", "c"):
        waiting.savepoint(name)
        waiting.add(RowChange("create", "users", name))
    waiting.release("c")
    waiting.back("b")
    waiting.add(RowChange("create", "users", "d"))
    waiting.back("b")  # it is still there
    waiting.committed()
    assert [e["sealtrail.target.id"] for e in events()] == ["a"]


def test_to_a_savepoint_from_before_anything_was_seen_is_to_the_beginning(made, events):
    waiting = Pending()
    waiting.add(RowChange("create", "users", "1"))
    waiting.savepoint("later")
    waiting.add(RowChange("create", "users", "2"))
    waiting.back("earlier")
    waiting.committed()
    assert events() == []


def test_what_is_done_without_a_commit_is_told_once(made, events):
    waiting = Pending(required=True)
    change = RowChange("create", "users", "1")
    waiting.add(change)
    waiting.overdue(change)
    waiting.overdue(change)
    waiting.prepare()
    waiting.committed()
    assert [e["event.outcome"] for e in events()] == ["unknown", "success"]


def test_what_was_announced_and_not_made_is_a_failure(made, events):
    waiting = Pending(required=True)
    change = RowChange("update", "users", "1")
    waiting.announce(change)
    waiting.abandoned(change, KeyError("x"))
    first, second = events()
    assert (first["event.type"], second["event.outcome"]) == (["start"], "failure")
    assert second["sealtrail.intent"] == first["event.id"]


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("error", [OSError("gone"), asyncio.CancelledError()])
def test_a_commit_of_which_nobody_knows_is_recorded_as_unknown(made, events, required, error):
    waiting = Pending(required=required)
    waiting.add(RowChange("update", "users", "1"))
    waiting.prepare()
    waiting.failed(error, is_sure=isinstance(error, asyncio.CancelledError))
    event = events()[-1]
    assert (event["event.outcome"], event["sealtrail.target.id"]) == ("unknown", "1")
    assert "error.type" in event


def test_a_commit_that_may_not_be_made_is_undone_and_what_was_announced_is_a_failure(made, events):
    known, other = Pending(required=True), Pending(required=True)
    known.add(RowChange("create", "users", "1"))
    other.broken = True

    def undo():
        # As a listener does that learns of the rollback.
        known.clear()
        other.clear()

    with pytest.raises(BusyError), committing([known, other], undo, lambda _: True):
        pytest.fail("it was committed")
    assert [e["event.outcome"] for e in events()] == ["unknown", "failure"]


@pytest.mark.parametrize(("sure", "outcomes"), [(True, []), (False, ["unknown"])])
def test_a_commit_that_fails_is_told_as_it_is_known(made, events, sure, outcomes):
    waiting = Pending()
    waiting.add(RowChange("create", "users", "1"))
    with pytest.raises(KeyError), committing([waiting], lambda: pytest.fail("undone twice"), lambda _: sure):
        raise KeyError
    assert [e["event.outcome"] for e in events()] == outcomes


def test_rows_are_known_once_the_driver_knows_them():
    cursor = SimpleNamespace(rowcount=-1)
    counted = rows_of(cursor)
    assert counted() is None
    cursor.rowcount = 3
    assert counted() == 3
