from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.event import Position, canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.follow.order import complete, next_batch


class Shelf:
    """A Reader over lists, with a prefix that may be gone."""

    def __init__(self, trails: dict[str, list[bytes]], gone: dict[str, int] | None = None) -> None:
        self.trails = trails
        self.gone = gone or {}

    def sizes(self) -> Position:
        return {trail: len(entries) for trail, entries in self.trails.items()}

    def first(self) -> Position:
        return {trail: self.gone.get(trail, 0) for trail in self.trails}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        assert start >= self.gone.get(trail, 0)
        return self.trails[trail][start : start + limit]


def entry(commit: int, number: int) -> bytes:
    return seal(canonical({"n": number}), suffix(f"2026-01-01T00:00:00.{commit:06d}Z", "test"))


def shelf_of(commits: list[list[str]]) -> tuple[Shelf, list[tuple[str, int]]]:
    """Commits as lists of trails; gives the shelf and the order in which a replay must see addresses."""
    trails: dict[str, list[bytes]] = {"access": [], "audit": []}
    expected: list[tuple[str, int]] = []
    for commit, members in enumerate(commits):
        for trail in ("access", "audit"):
            for _ in range(members.count(trail)):
                expected.append((trail, len(trails[trail])))
                trails[trail].append(entry(commit, len(expected)))
    return Shelf(trails), expected


commits = st.lists(st.lists(st.sampled_from(["access", "audit"]), min_size=1, max_size=5), max_size=12)


@given(commits, st.integers(1, 7))
def test_batches_of_any_size_replay_every_entry_once_in_order(history: list[list[str]], limit: int) -> None:
    shelf, expected = shelf_of(history)
    at: Position = {}
    seen: list[tuple[str, int]] = []
    while True:
        batch = next_batch(shelf, at, shelf.sizes(), limit)
        if not batch.entries:
            break
        seen += [(e.trail, e.index) for e in batch.entries]
        at = dict(batch.end)
    assert seen == expected


def test_a_replay_stops_at_the_heads_it_was_given() -> None:
    shelf, _ = shelf_of([["access", "access"], ["audit"]])
    batch = next_batch(shelf, {}, {"access": 1, "audit": 0})
    assert [e.address for e in batch.entries] == ["access/0"]
    assert batch.end == {"access": 1, "audit": 0}


def test_a_replay_begins_after_what_was_pruned() -> None:
    shelf, _ = shelf_of([["access"] * 4, ["audit"]])
    shelf.gone = {"access": 3}
    batch = next_batch(shelf, {}, shelf.sizes())
    assert [e.address for e in batch.entries] == ["access/3", "audit/0"]


def test_a_trail_that_cannot_be_read_holds_back_what_may_come_after_it() -> None:
    shelf, _ = shelf_of([["access"], ["audit"]])
    shelf.trails["access"] = []
    assert next_batch(shelf, {}, {"access": 1, "audit": 1}).entries == ()


def test_bytes_that_are_no_json_any_more_still_have_an_address() -> None:
    shelf = Shelf({"access": [b'{"a":' + suffix("2026-01-01T00:00:00.000000Z", "x")]})
    (only,) = next_batch(shelf, {}, {"access": 1}).entries
    assert (only.address, only.fields) == ("access/0", {"sealtrail.notes": ["entry.unreadable"]})


def test_a_position_names_every_trail_and_never_lies_before_the_first_entry() -> None:
    assert complete({"audit": 5}, {"access": 9, "audit": 9}, {"access": 2}) == {"access": 2, "audit": 5}
