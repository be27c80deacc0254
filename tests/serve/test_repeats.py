from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from sealtrail.errors import BusyError
from sealtrail.serve import repeats
from sealtrail.serve.repeats import Repeats


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def made(told: list[Any]) -> Repeats[str]:
    def record(fields: Any) -> Future[Any]:
        told.append(fields["said"])
        return Future()

    return Repeats("knocks", record, lambda *said: {"said": said}, 60.0, clock=lambda: 0.0)


def test_a_thousand_of_the_same_are_two_events(made: Repeats[str], told: list[Any]):
    for _ in range(1000):
        made.note("knock")
    made.flush()
    assert told == [("knock", 1, False), ("knock", 999, True)]


def test_more_than_can_be_held_is_told_early(
    made: Repeats[str], told: list[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(repeats, "MAX_OPEN", 2)
    for name in "aabc":
        made.note(name)
    assert told == [("a", 1, False), ("b", 1, False), ("a", 1, True), ("c", 1, False)]


def test_stopping_tells_what_is_left(told: list[Any]):
    def record(fields: Any) -> Future[Any]:
        told.append(fields["said"])
        return Future()

    made: Repeats[str] = Repeats("knocks", record, lambda *said: {"said": said}, 60.0)
    made.start()
    made.note("a")
    made.note("a")
    made.stop()
    assert told == [("a", 1, False), ("a", 1, True)]


def test_a_writer_that_is_behind_loses_no_count(told: list[Any]):
    full = [True]

    def record(fields: Any) -> Future[Any]:
        if full[0]:
            raise BusyError("busy.queue", "full")
        told.append(fields["said"])
        return Future()

    made: Repeats[str] = Repeats("knocks", record, lambda *said: {"said": said}, 60.0, clock=lambda: 0.0)
    assert made.note("a") is None
    made.note("a")
    made.flush()
    full[0] = False
    made.flush()
    assert told == [("a", 2, True)]
