from __future__ import annotations

import pytest

from sealtrail.errors import QueryError
from sealtrail.event import Batch, Entry
from sealtrail.serve.rows import Row
from sealtrail.serve.tailing import Tails


def batch(*indexes: int, trail: str = "audit") -> Batch:
    entries = tuple(
        Entry(trail, index, b"{}", {"event.action": "x" if index % 2 else "y", "event.id": f"{trail}{index}"})
        for index in indexes
    )
    return Batch(entries, {trail: indexes[0]}, {trail: indexes[-1] + 1})


class Ledger:
    def sizes(self):
        return {"access": 0, "audit": 10}


class Reading:
    ledger = Ledger()

    def __init__(self) -> None:
        self.asked: list[dict[str, int]] = []
        self.missed: list[Row] = []

    def news(self, start, query):
        self.asked.append(dict(start))
        yield self.missed, start


@pytest.fixture
def reading():
    return Reading()


@pytest.fixture
def tails(reading):
    return Tails(reading)


def told(tail) -> list[str]:
    return [fields["event.id"] for _, fields, _ in tail.take()[0]]


def test_an_event_is_handed_to_every_tail_it_matches(tails):
    woken: list[int] = []
    one = tails.open("event.action:x", 0, "", lambda: woken.append(1))
    both = tails.open("*", 0, "", lambda: None)
    tails.handle(batch(10, 11, 12))
    assert (told(one), told(both)) == (["audit11"], ["audit10", "audit11", "audit12"])
    tails.handle(batch(14))
    assert woken == [1]
    one.close()
    one.close()
    tails.handle(batch(15))
    assert (told(one), told(both)) == ([], ["audit14", "audit15"])


def test_a_place_moves_on_past_events_that_do_not_match_once_nothing_waits(tails):
    tail = tails.open("event.action:x", 0, "", lambda: None)
    assert tail.place == "access:0.audit:10"
    tails.handle(batch(10))
    assert tail.place == "access:0.audit:11"
    tails.handle(batch(11, 12))
    assert tail.place == "access:0.audit:11"
    assert [place for place, _, _ in tail.take()[0]] == ["access:0.audit:12"]
    tails.handle(batch(3, trail="access"))
    assert tail.take() == ([("access:4.audit:12", _access3(), b"{}")], 0)


def _access3():
    return {"event.action": "x", "event.id": "access3", "sealtrail.trail": "access", "sealtrail.index": 3}


def test_a_place_far_behind_is_read_again_in_part_and_the_rest_is_counted(tails, reading, monkeypatch):
    monkeypatch.setattr("sealtrail.serve.tailing.MAX_BEHIND", 4)
    tail = tails.open("*", 0, "audit:1.access:0", lambda: None)
    assert reading.asked == [{"access": 0, "audit": 6}]
    assert tail.take() == ([], 5)


def test_what_was_missed_is_bounded_like_what_waits_and_the_rest_is_counted(tails, reading, monkeypatch):
    monkeypatch.setattr("sealtrail.serve.tailing.MAX_WAITING", 3)
    reading.missed = [Row.of(entry) for entry in batch(*range(3, 8)).entries]
    tail = tails.open("*", 0, "audit:3.access:0", lambda: None)
    rows, dropped = tail.take()
    assert ([fields["event.id"] for _, fields, _ in rows], dropped) == (["audit3", "audit4", "audit5"], 2)


def test_a_query_that_cannot_be_read_leaves_nothing_open(tails):
    for query, after in (("(", ""), ("*", "nowhere")):
        with pytest.raises(QueryError):
            tails.open(query, 0, after, lambda: None)
    assert tails._open == []


def test_it_follows_from_now_on(tails):
    assert tails.position() == {"access": 0, "audit": 10}
