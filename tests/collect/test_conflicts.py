from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sealtrail.collect.conflicts import MAX_TOLD_SOURCES, TOLD_SECONDS, Conflicts

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_without_a_conflict_nothing_is_told():
    assert not Conflicts()
    assert Conflicts().due(NOW) is None
    assert Conflicts().due(NOW, last=True) is None


def test_the_first_is_told_at_once_and_names_its_number():
    conflicts = Conflicts()
    conflicts.add("key:1", "e" * 500, 7)
    told = conflicts.due(NOW)
    assert told is not None
    assert (told["sealtrail.range.first"], told["sealtrail.range.end"]) == (7, 8)
    assert len(told["sealtrail.range.emitter"]) < 500
    assert not conflicts


def test_those_that_follow_wait_and_are_counted_together():
    conflicts = Conflicts()
    conflicts.add("key:1", "e", 0)
    assert conflicts.due(NOW)
    for seq in range(1, 4):
        conflicts.add("key:2", "e", seq)
    assert conflicts.due(NOW + timedelta(seconds=TOLD_SECONDS - 1)) is None
    told = conflicts.due(NOW + timedelta(seconds=TOLD_SECONDS))
    assert told is not None
    assert told["sealtrail.details"] == {"conflicts": 3, "sources": {"key:2": 3}}


def test_the_last_word_does_not_wait_nor_does_a_clock_that_was_set_back_keep_it():
    conflicts = Conflicts()
    conflicts.add("key:1", "e", 0)
    assert conflicts.due(NOW)
    conflicts.add("key:1", "e", 1)
    assert conflicts.due(NOW, last=True)
    conflicts.add("key:1", "e", 2)
    assert conflicts.due(NOW - timedelta(hours=1))


def test_invented_sources_do_not_make_the_event_long():
    conflicts = Conflicts()
    for number in range(MAX_TOLD_SOURCES + 5):
        conflicts.add(f"key:{number}", "e", number)
    told = conflicts.due(NOW)
    assert told is not None
    assert len(told["sealtrail.details"]["sources"]) == MAX_TOLD_SOURCES + 1
    assert told["sealtrail.details"]["sources"]["other"] == 5
