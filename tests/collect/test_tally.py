from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect import tally
from sealtrail.collect.tally import Gap, Odd, Said, Tally, Told

FIRST, SECOND, THIRD = (f"2026-11-24T08:00:0{second}.000000Z" for second in range(3))


def taken(*numbers: tuple[str, int], emitter: str = "e", service: str = "shop") -> Tally:
    found = Tally()
    for index, (at, number) in enumerate(numbers):
        found.take(Said(at, emitter, number, "spool", service, "host"), f"access/{index}")
    return found


def one(found: Tally) -> tally.Emitter:
    (emitter,) = found.emitters.values()
    return emitter


def test_a_number_that_never_arrived_lies_between_two_commits():
    emitter = one(taken((FIRST, 0), (FIRST, 1), (SECOND, 4)))
    assert [*emitter.gaps()] == [Gap(2, 4, FIRST, SECOND)]
    assert (emitter.missing, emitter.unexplained, emitter.events) == (2, 2, 3)


def test_the_first_numbers_may_be_missing_too():
    assert [*one(taken((FIRST, 2))).gaps()] == [Gap(0, 2, "", FIRST)]


def test_what_comes_behind_a_higher_number_of_an_earlier_commit_came_late():
    emitter = one(taken((FIRST, 0), (FIRST, 3), (SECOND, 1), (THIRD, 4)))
    assert emitter.late == [Odd(1, "access/2", SECOND)]
    assert [(gap.first, gap.end) for gap in emitter.gaps()] == [(2, 3)]


def test_within_a_commit_the_trails_have_no_order():
    emitter = one(taken((FIRST, 1), (FIRST, 0), (SECOND, 3), (SECOND, 2)))
    assert (emitter.belated, emitter.missing) == (0, 0)


def test_a_number_that_is_there_twice_is_told_with_both_its_places_known():
    emitter = one(taken((FIRST, 0), (SECOND, 0)))
    assert (emitter.duplicates, emitter.duplicated) == ([Odd(0, "access/1", SECOND)], 1)


def test_what_an_emitter_says_that_it_lost_explains_as_many():
    found = taken((FIRST, 0), (SECOND, 4))
    found.tell("spool", Told("e", lost=2))
    found.tell("spool", Told("e", first=1, end=4, address="audit/9"))
    found.tell("spool", Told("nobody", lost=5))
    emitter = one(found)
    assert (emitter.missing, emitter.lost, emitter.unexplained) == (3, 2, 1)
    assert [gap.recorded for gap in emitter.gaps()] == ["audit/9"]


def test_what_is_numbered_for_one_request_misses_nothing():
    found = taken((FIRST, 7), emitter=f"http-{'0' * 32}")
    assert (found.emitters, found.unnumbered) == ({}, 1)
    assert len(taken((FIRST, 7), emitter="http-front").emitters) == 1


def test_a_source_has_its_longest_pause():
    found = taken((FIRST, 0), (THIRD, 1), (THIRD, 2))
    (source,) = found.sources.values()
    assert (source.first, source.last, source.pause, source.events) == (FIRST, THIRD, 2.0, 3)


def test_what_is_told_one_by_one_is_bounded_and_all_of_it_counted(monkeypatch):
    monkeypatch.setattr(tally, "MAX_TOLD", 2)
    monkeypatch.setattr(tally, "MAX_JUMPS", 1)
    emitter = one(taken((FIRST, 9), *((SECOND, n) for n in (0, 2, 4, 6)), *((THIRD, n) for n in (0, 2, 4))))
    assert (len(emitter.late), emitter.belated) == (2, 4)
    assert (len(emitter.duplicates), emitter.duplicated) == (2, 3)
    assert [gap.before for gap in emitter.gaps()] == ["", "", "", FIRST]


@given(st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=5))
def test_it_says_what_a_table_of_all_numbers_says(commits):
    rows = [
        (f"2026-11-24T08:00:{at:02}.000000Z", number) for at, seqs in enumerate(commits) for number in seqs
    ]
    found = taken(*rows)
    if not rows:
        assert found.emitters == {}
        return
    emitter = one(found)
    known: dict[int, str] = {}
    late = doubled = 0
    for at, number in rows:
        if number in known:
            doubled += 1
            continue
        late += any(other > number and then < at for other, then in known.items())
        known[number] = at
    missing = set(range(max(known))) - known.keys()
    assert {n for gap in emitter.gaps() for n in range(gap.first, gap.end)} == missing
    assert (emitter.missing, emitter.belated, emitter.duplicated) == (len(missing), late, doubled)
