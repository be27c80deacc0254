from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealtrail.detect.rewind import entries_before
from sealtrail.event.entry import seal, stamp, suffix

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Book:
    """Two trails, one entry a second in each; the audit trail begins at its fourth entry."""

    first_audit = 3

    def __init__(self, size: int) -> None:
        self._size = size

    def sizes(self) -> dict[str, int]:
        return {"access": self._size, "audit": self._size}

    def first(self) -> dict[str, int]:
        return {"access": 0, "audit": min(self.first_audit, self._size)}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        return [
            seal(b'{"event.action":"%d"}' % n, suffix(stamp(BEGIN + timedelta(seconds=n)), "s"))
            for n in range(start, min(start + limit, self._size))
        ]


def heard(size: int, position: dict[str, int], seconds: float) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"access": [], "audit": []}
    for batch in entries_before(Book(size), position, seconds):
        for entry in batch.entries:
            found[entry.trail].append(entry.index)
    return found


def test_what_came_within_the_span_before_the_position_is_heard_again() -> None:
    assert heard(100, {"access": 50, "audit": 40}, 10) == {"access": list(range(39, 50)), "audit": [39]}


def test_more_than_a_batch_is_heard_in_order() -> None:
    found = heard(5000, {"access": 5000, "audit": 5000}, 1e6)
    assert found == {"access": list(range(5000)), "audit": list(range(3, 5000))}


@pytest.mark.parametrize("position", [{}, {"access": 0, "audit": 0}])
def test_a_first_start_has_nothing_to_hear_again(position: dict[str, int]) -> None:
    assert heard(10, position, 1e6) == {"access": [], "audit": []}
    assert heard(0, {"access": 7}, 1e6) == {"access": [], "audit": []}


def test_a_position_beyond_the_ledger_is_its_end() -> None:
    assert heard(10, {"access": 99, "audit": 99}, 2) == {"access": [7, 8, 9], "audit": [7, 8, 9]}
