from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from sealtrail.errors import BusyError
from sealtrail.serve import reads, repeats
from sealtrail.serve.reads import Reading, Reads, asked


class Writer:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.full = False

    def record(self, fields: dict[str, Any]) -> Future[Any]:
        if self.full:
            raise BusyError("busy.queue", "full")
        self.events.append(fields)
        return Future()

    def told(self) -> list[tuple[str, int]]:
        return [(one["user.id"], one["sealtrail.details"]["count"]) for one in self.events]


def by(name: str, query: str = "*") -> Reading:
    return Reading(name, "viewer", "/api/v1/search", "192.0.2.1", asked({"q": query}))


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def made(writer):
    time = [0.0]
    noted = Reads(writer.record, clock=lambda: time[0])
    noted.time = time
    return noted


def test_the_first_reading_is_an_event_at_once_and_repetitions_are_one_more(made, writer):
    assert made.note(by("ann")) is not None
    for _ in range(50):
        assert made.note(by("ann")) is None
    assert writer.told() == [("ann", 1)]
    made.flush(0.0)
    assert writer.told() == [("ann", 1), ("ann", 50)]
    assert [one["sealtrail.details"]["repeated"] for one in writer.events] == [False, True]
    assert writer.events[1]["message"] == "/api/v1/search q=* (50 more within a minute)"


def test_other_people_queries_and_doors_are_other_readings(made, writer):
    for reading in (by("ann"), by("ben"), by("ann", "x"), by("ann", "x")):
        made.note(reading)
    assert writer.told() == [("ann", 1), ("ben", 1), ("ann", 1)]


def test_a_minute_that_is_not_over_is_left_open_and_one_that_is_begins_anew(made, writer):
    made.note(by("ann"))
    made.time[0] = 30.0
    made.note(by("ben"))
    made.flush(0.0)
    assert made.note(by("ben")) is None
    assert made.note(by("ann")) is not None


def test_what_the_writer_does_not_take_is_counted_until_it_does(made, writer):
    writer.full = True
    assert made.note(by("ann")) is None
    made.note(by("ann"))
    made.flush()
    assert writer.told() == []
    writer.full = False
    made.flush()
    assert writer.told() == [("ann", 2)]
    made.flush()
    assert writer.told() == [("ann", 2)]


def test_more_readers_than_can_be_held_are_told_early(made, writer, monkeypatch):
    monkeypatch.setattr(repeats, "MAX_OPEN", 2)
    made.note(by("ann"))
    made.note(by("ann"))
    made.note(by("ben"))
    made.note(by("cem"))
    assert writer.told() == [("ann", 1), ("ben", 1), ("ann", 1), ("cem", 1)]


def test_a_secret_that_was_searched_for_is_not_kept_but_a_person_is(made, writer):
    made.note(by("ann", "token=sk_live_4eC39HqLyjWDarjtT1zdp7dc or user.name:ann@example.org"))
    (event,) = writer.events
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in str(event)
    assert "ann@example.org" in str(event)
    assert event["client.ip"] == "192.0.2.1"


def test_what_is_empty_is_left_out_and_what_is_long_is_cut():
    assert asked({"q": "*", "since": "", "limit": 3}) == (("q", "*"), ("limit", "3"))
    assert len(asked({"q": "a " * 9000})[0][1]) <= reads.MAX_QUERY


def test_a_stop_tells_what_was_not_told_yet(made, writer):
    made.start()
    made.note(by("ann"))
    made.note(by("ann"))
    made.stop()
    assert writer.told() == [("ann", 1), ("ann", 1)]
