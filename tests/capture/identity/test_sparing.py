from __future__ import annotations

from sealtrail.capture.identity import sparing
from sealtrail.capture.identity.sparing import Sparing, told_by


def test_it_is_told_once_an_interval_with_how_often_it_was_not(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sparing, "monotonic", lambda: now[0])
    told = Sparing(60.0)
    assert [told.due("a"), told.due("a"), told.due("b"), told.due("a")] == [0, None, 0, None]
    now[0] += 60.0
    assert [told.due("a"), told.due("a")] == [2, None]


def test_a_clock_that_was_set_back_silences_nothing(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sparing, "monotonic", lambda: now[0])
    told = Sparing(60.0)
    told.due("a")
    now[0] = 10.0
    assert told.due("a") == 0


def test_what_it_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(sparing, "_MAX_KEYS", 3)
    told = Sparing()
    for key in "abcdef":
        assert told.due(key) == 0
    assert len(told._told) == 3
    assert told.due("f") is None
    assert told.due("a") == 0


def test_so_many_times_an_interval_are_told_and_the_rest_is_counted(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sparing, "monotonic", lambda: now[0])
    told = Sparing(60.0, times=2)
    assert [told.due("a") for _ in range(5)] == [0, 0, None, None, None]
    now[0] += 60.0
    assert told.due("a") == 3


def test_each_recorder_has_a_memory_of_its_own_that_goes_with_it(made):
    other = type("Other", (), {})()
    assert told_by(made) is told_by(made)
    assert told_by(made) is not told_by(other)
    before = len(sparing._of)
    del other
    assert len(sparing._of) == before - 1
