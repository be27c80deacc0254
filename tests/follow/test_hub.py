from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from sealtrail.event import Batch, Position, canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.follow import Hub, open_entry


class Ledger:
    """A growing Reader; `commit` appends one entry and gives the batch a writer would publish."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.reads = 0

    def sizes(self) -> Position:
        return {"access": len(self.entries)}

    def first(self) -> Position:
        return {"access": 0}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        self.reads += 1
        return self.entries[start : start + limit]

    def commit(self) -> Batch:
        number = len(self.entries)
        stamp = f"2026-01-01T00:00:00.{number:06d}Z"
        self.entries.append(seal(canonical({"n": number}), suffix(stamp, "test")))
        entry = open_entry("access", number, self.entries[-1])
        return Batch((entry,), {"access": number}, {"access": number + 1})


class Collects:
    def __init__(self, name: str = "collects", start: Mapping[str, int] | None = None) -> None:
        self.name = name
        self.seen: list[int] = []
        self.failures = 0
        self._start = dict(start or {})

    def position(self) -> Position:
        return dict(self._start)

    def handle(self, batch: Batch) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the disk of this follower is full")
        self.seen += [entry.fields["n"] for entry in batch.entries]


def test_a_follower_that_is_up_to_date_is_handed_what_the_writer_parsed() -> None:
    ledger, follower = Ledger(), Collects()
    hub = Hub(ledger, [follower])
    hub.start()
    for _ in range(5):
        hub.publish(ledger.commit())
    assert hub.wait(5)
    hub.stop()
    assert follower.seen == [0, 1, 2, 3, 4]
    assert ledger.reads == 0


def test_a_follower_that_lags_reads_the_ledger_and_then_goes_on_live() -> None:
    ledger = Ledger()
    for _ in range(10):
        ledger.commit()
    follower = Collects(start={"access": 4})
    hub = Hub(ledger, [follower])
    hub.start()
    assert hub.wait(5)
    hub.publish(ledger.commit())
    assert hub.wait(5)
    hub.stop()
    assert follower.seen == [4, 5, 6, 7, 8, 9, 10]


@pytest.mark.filterwarnings("ignore")
def test_a_follower_that_fails_sees_the_same_batch_again_and_holds_up_nobody() -> None:
    ledger, broken, healthy = Ledger(), Collects("broken"), Collects("healthy")
    broken.failures = 1
    hub = Hub(ledger, [broken, healthy])
    hub.start()
    hub.publish(ledger.commit())
    assert hub.wait(5, ["healthy"])
    assert hub.wait(5)
    hub.stop()
    assert healthy.seen == broken.seen == [0]
    assert hub.failures() == {}


def test_who_was_told_of_an_entry_before_it_was_published_can_wait_for_it() -> None:
    ledger, follower = Ledger(), Collects()
    hub = Hub(ledger, [follower])
    hub.start()
    batch = ledger.commit()  # durable, its producer has been told, and the followers have not
    assert hub.wait(0)
    assert not hub.wait(0, upto=batch.end)
    hub.publish(batch)
    assert hub.wait(5, upto=batch.end)
    hub.stop()
    assert follower.seen == [0]


def test_the_slowest_follower_bounds_what_may_be_pruned() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.commit()
    hub = Hub(ledger, [Collects("far", {"access": 3}), Collects("near", {"access": 1})])
    assert hub.slowest("access") == 1
    assert hub.lags() == {"far": 0, "near": 2}


def test_stopping_ends_every_thread_even_when_a_follower_never_catches_up() -> None:
    class Stuck(Collects):
        def handle(self, batch: Batch) -> None:
            raise RuntimeError("never")

    ledger = Ledger()
    hub = Hub(ledger, [Stuck()])
    hub.start()
    hub.publish(ledger.commit())
    hub.stop(drain=0.2)
    assert not [t for t in threading.enumerate() if t.name == "sealtrail-collects"]
