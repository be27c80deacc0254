from __future__ import annotations

from itertools import permutations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.comply.verdict import MEANINGS, VERDICTS, Verdict, combined, judged, tally

VERDICT = st.sampled_from(VERDICTS)
MANY = st.lists(VERDICT, max_size=12)


def test_there_are_six_verdicts_and_each_says_what_it_means():
    assert set(VERDICTS) == set(get_args(Verdict)) == set(MEANINGS)
    assert len(VERDICTS) == 6


@given(MANY)
def test_the_order_and_the_number_of_equal_parts_do_not_matter(parts):
    assert combined(parts) == combined(reversed(parts)) == combined(parts * 3)


@given(MANY, MANY)
def test_parts_may_be_combined_in_groups(first, second):
    if first and second:
        assert combined([*first, *second]) == combined([combined(first), combined(second)])


@given(MANY)
def test_a_pass_needs_a_pass_and_nothing_that_speaks_against_it(parts):
    harmless = {"pass", "not-exercised", "not-applicable"}
    assert (combined(parts) == "pass") == ("pass" in parts and set(parts) <= harmless)


@given(MANY)
def test_an_exception_is_covered_by_nothing_and_silence_only_by_an_exception(parts):
    assert (combined(parts) == "fail") == ("fail" in parts)
    if "no-data" in parts:
        assert combined(parts) in {"fail", "no-data"}


@given(VERDICT)
def test_one_part_alone_is_the_whole(part):
    assert combined([part]) == part


def test_a_control_that_nothing_tests_needs_a_human():
    assert combined([]) == "needs-human"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from([v for v in VERDICTS if v != "pass"]))
def test_only_a_population_without_exceptions_passes(population, exceptions, empty):
    verdict = judged(population, exceptions, empty=empty)
    assert (verdict == "pass") == (population > 0 and exceptions == 0)
    if exceptions:
        assert verdict == "fail"
    elif not population:
        assert verdict == empty


def test_an_empty_population_cannot_be_told_to_pass():
    with pytest.raises(ValueError, match="never a pass"):
        judged(0, 0, empty="pass")


@given(MANY)
def test_every_verdict_is_counted_also_those_that_did_not_come(parts):
    counts = tally(parts)
    assert list(counts) == list(VERDICTS)
    assert sum(counts.values()) == len(parts)
    assert all(counts[verdict] == parts.count(verdict) for verdict in VERDICTS)


def test_there_is_one_order_of_weight():
    assert all(combined(some) == "fail" for some in permutations(VERDICTS))
