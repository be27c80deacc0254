from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.seen import Intervals, Seen
from sealtrail.event import Position, canonical
from sealtrail.event.entry import seal, suffix


@given(st.lists(st.integers(0, 40)))
def test_intervals_hold_exactly_what_was_added_in_any_order(numbers: list[int]) -> None:
    intervals = Intervals()
    for number in numbers:
        intervals.add(number)
    assert {n for n in range(-1, 45) if n in intervals} == set(numbers)
    ranges = intervals.ranges()
    assert all(a < b for a, b in ranges)
    assert all(left[1] < right[0] for left, right in pairwise(ranges))
    missing = {n for n in range(max(numbers, default=0)) if n not in set(numbers)}
    assert {n for a, b in intervals.gaps() for n in range(a, b)} == missing


def test_the_same_line_again_is_a_duplicate_and_another_line_a_conflict() -> None:
    seen = Seen()
    assert seen.judge("key:1", "e", 0, b"a") == "new"
    seen.add("key:1", "e", 0, b"a")
    assert seen.judge("key:1", "e", 0, b"a") == "duplicate"
    assert seen.judge("key:1", "e", 0, b"b") == "conflict"


def test_one_source_cannot_claim_the_numbers_of_another() -> None:
    seen = Seen()
    seen.add("key:attacker", "victim", 0, b"forged")
    assert seen.judge("spool", "victim", 0, b"real") == "new"


def test_a_snapshot_comes_back_with_its_position(tmp_path: Path) -> None:
    seen = Seen()
    for seq in (0, 1, 2, 5):
        seen.add("spool", "e", seq, b"line")
    seen.save(tmp_path / "seen", {"access": 4})
    again = Seen.load(tmp_path / "seen")
    assert again.position == {"access": 4}
    assert again.gaps("spool", "e") == [(3, 5)]
    assert again.judge("spool", "e", 2, b"line") == "duplicate"
    assert again.judge("spool", "e", 3, b"line") == "new"


def test_a_missing_or_broken_snapshot_is_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "seen").write_bytes(b"\x00broken")
    line = canonical({"sealtrail.emitter": "e", "sealtrail.seq": 7})

    class Ledger:
        def sizes(self) -> Position:
            return {"access": 1}

        def first(self) -> Position:
            return {"access": 0}

        def read(self, trail: str, start: int, limit: int) -> list[bytes]:
            return [seal(line, suffix("2026-01-01T00:00:00.000000Z", "spool"))][start : start + limit]

    seen = Seen.load(tmp_path / "seen")
    seen.catch_up(Ledger())
    assert seen.judge("spool", "e", 7, line) == "duplicate"
    assert seen.judge("spool", "e", 7, b"other") == "conflict"
    assert seen.position == {"access": 1}


def test_emitters_made_up_for_one_request_take_no_memory() -> None:
    seen = Seen()
    seen.add("key:1", f"http-{'0a' * 16}", 0, b"a")
    assert len(seen) == 0


def test_an_emitter_whose_own_name_looks_like_that_is_remembered() -> None:
    seen = Seen()
    seen.add("key:1", "http-frontend", 0, b"a")
    assert seen.judge("key:1", "http-frontend", 0, b"a") == "duplicate"


def test_lines_are_told_from_others_for_a_bounded_time_and_repetitions_for_ever(monkeypatch) -> None:
    monkeypatch.setattr("sealtrail.collect.seen.HASHES", 4)
    seen = Seen()
    for seq in range(11):
        seen.add("spool", "e", seq, b"%d" % seq)
    verdicts = [seen.judge("spool", "e", seq, b"another") for seq in range(11)]
    assert verdicts[:4] == ["duplicate"] * 4
    assert verdicts[7:] == ["conflict"] * 4
    assert seen.judge("spool", "e", 10, b"10") == "duplicate"
