from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.comply.sampling import drawn

PERIODS = st.lists(st.integers(0, 40), max_size=30).map(
    lambda numbers: [(place * 3600, number) for place, number in enumerate(numbers) if number]
)


@given(st.text(), PERIODS, st.integers(1, 20))
def test_each_is_a_record_that_is_there_and_none_comes_twice(seed, periods, most):
    found = drawn(seed, periods, most)
    numbers = dict(periods)
    assert len(found) == len(set(found)) == min(most, sum(numbers.values()))
    assert all(0 <= place < numbers[start] for start, place in found)
    assert found == sorted(found)


@given(st.text(), PERIODS)
def test_the_same_seed_draws_the_same(seed, periods):
    assert drawn(seed, periods) == drawn(seed, periods)


def test_another_seed_draws_others():
    assert drawn("a", [(0, 10_000)]) != drawn("b", [(0, 10_000)])


def test_every_record_is_about_as_likely():
    counts = Counter(pick for turn in range(400) for pick in drawn(str(turn), [(0, 10), (3600, 10)], 5))
    assert len(counts) == 20
    assert all(50 < counts[pick] < 160 for pick in counts)
