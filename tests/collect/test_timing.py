from __future__ import annotations

from sealtrail.collect.timing import BOUNDS, Spread


def test_each_observation_is_counted_in_every_bound_it_is_within():
    spread = Spread((0.1, 1.0))
    for seconds in (0.0, 0.1, 0.5, 1.0, 7.0):
        spread.observe(seconds)
    assert spread.upto() == [(0.1, 2), (1.0, 4), (float("inf"), 5)]
    assert spread.total == 8.6


def test_nothing_observed_is_all_zeroes_and_bounds_grow():
    assert {count for _, count in Spread().upto()} == {0}
    assert sorted(set(BOUNDS)) == list(BOUNDS)
