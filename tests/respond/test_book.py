from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.event import Batch, Entry, canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.follow.order import open_entry
from sealtrail.respond import book as module
from sealtrail.respond.alerts import ACK, CLOSE
from sealtrail.respond.book import Book


class Ledger:
    """Trails in memory."""

    def __init__(self) -> None:
        self.trails: dict[str, list[bytes]] = {}
        self.asked: list[str] = []

    def add(self, trail: str, kind: str, action: str, name: str) -> None:
        held = self.trails.setdefault(trail, [])
        place = "event.id" if kind == "alert" else "sealtrail.alert.id"
        fields = {
            "@timestamp": "2026-01-01T00:00:00.000000Z",
            "event.action": action,
            place: name,
            "sealtrail.kind": kind,
        }
        ending = suffix(f"2026-01-01T00:00:{sum(map(len, self.trails.values())):02}.000000Z", "collector")
        held.append(seal(canonical(fields), ending))

    def sizes(self) -> dict[str, int]:
        return {trail: len(held) for trail, held in self.trails.items()}

    def first(self) -> dict[str, int]:
        return dict.fromkeys(self.trails, 0)

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        self.asked.append(trail)
        return self.trails[trail][start : start + limit]

    def batch(self, trail: str, start: int = 0) -> Batch:
        entries = [open_entry(trail, i, data) for i, data in enumerate(self.trails[trail])][start:]
        return Batch(tuple(entries), {trail: start}, {trail: len(self.trails[trail])})


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.add("access", "request", "http.request", "x")
    made.add("audit", "alert", "sealtrail.alert", "a1")
    made.add("audit", "alert", "sealtrail.alert", "a2")
    made.add("audit-2", "system", ACK, "a1")
    made.add("audit-2", "system", CLOSE, "a2")
    return made


def states(book: Book) -> dict[str, str]:
    return {one.id: one.state for one in book.all()}


def test_successors_are_read_after_what_they_go_on_from_and_requests_not_at_all(ledger: Ledger) -> None:
    book = Book()
    book.catch_up(ledger)
    assert states(book) == {"a1": "acknowledged", "a2": "closed"}
    assert "access" not in ledger.asked
    assert book.position() == ledger.sizes()  # so that the hub does not hand us all requests again


def test_what_was_kept_goes_on_from_there(ledger: Ledger, tmp_path: Path) -> None:
    book = Book(tmp_path / "alerts.json")
    book.catch_up(ledger)
    book.save()
    ledger.asked.clear()
    again = Book(tmp_path / "alerts.json")
    assert states(again) == states(book)
    again.catch_up(ledger)
    assert ledger.asked == []
    ledger.add("audit-2", "alert", "sealtrail.alert", "a3")
    again.handle(ledger.batch("audit-2", 2))
    assert states(again)["a3"] == "open"


@pytest.mark.parametrize("broken", [b"", b"{}", b'{"version":2,"position":{},"alerts":[]}', b"\xff"])
def test_a_broken_snapshot_is_made_again_from_the_ledger(
    ledger: Ledger, tmp_path: Path, broken: bytes
) -> None:
    (tmp_path / "alerts.json").write_bytes(broken)
    book = Book(tmp_path / "alerts.json")
    book.catch_up(ledger)
    assert states(book) == {"a1": "acknowledged", "a2": "closed"}


def test_a_batch_that_was_read_before_is_not_taken_twice(ledger: Ledger) -> None:
    book = Book()
    book.catch_up(ledger)
    book.handle(ledger.batch("audit"))
    assert book.position()["audit"] == 2
    assert states(book) == {"a1": "acknowledged", "a2": "closed"}


def test_the_book_is_kept_from_time_to_time_and_other_trails_do_not_count(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_ENTRIES", 2)
    book = Book(tmp_path / "alerts.json")
    book.handle(Batch((Entry("access", 0, b"", {}),), {}, {"access": 100}))
    assert not (tmp_path / "alerts.json").exists()
    book.handle(ledger.batch("audit"))
    assert states(Book(tmp_path / "alerts.json")) == {"a1": "open", "a2": "open"}


def test_waiting_ends_when_the_trail_is_that_far_or_time_is_up(ledger: Ledger) -> None:
    book = Book()
    assert not book.wait("audit", 1, 0.0)
    book.catch_up(ledger)
    assert book.wait("audit", 2, 0.0)
