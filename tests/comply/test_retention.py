from __future__ import annotations

import msgspec
import pytest

from sealtrail.comply.case import PruneFact
from sealtrail.store.query.times import DAY, HOUR, stamp


def reaching(estate, days: int, first: int) -> None:
    access = msgspec.structs.replace(
        estate.facts.trails[0], first=first, oldest=stamp(estate.start + (5 - days) * DAY)
    )
    estate.fact(trails=(access, estate.facts.trails[1]))


@pytest.mark.parametrize(("days", "verdict"), [(10, "no-data"), (364, "no-data"), (365, "pass")])
def test_a_trail_that_began_lately_shows_nothing_of_a_year(estate, finding, days, verdict):
    reaching(estate, days=days, first=0)
    said = finding(estate, "RET-1")
    assert said.verdict == verdict
    assert bool(said.notes) == (verdict == "no-data")


@pytest.mark.parametrize(("days", "verdict"), [(364, "fail"), (365, "pass")])
def test_a_trail_that_was_cut_must_reach_back_as_far_as_is_asked(estate, finding, days, verdict):
    reaching(estate, days=days, first=5)
    said = finding(estate, "RET-1")
    assert said.verdict == verdict
    assert {n.name: n.value for n in said.numbers}["days that access reaches back"] == days


def test_a_first_entry_that_cannot_be_read_is_no_reach(estate, finding):
    estate.fact(trails=(msgspec.structs.replace(estate.facts.trails[0], oldest=""), estate.facts.trails[1]))
    assert finding(estate, "RET-1").verdict == "fail"


def test_a_trail_that_a_framework_says_nothing_of_is_not_measured(estate, finding):
    estate.term(retention={"audit": 365})
    assert finding(estate, "RET-1").population == 1
    estate.term(retention={})
    assert finding(estate, "RET-1").verdict == "no-data"


def test_the_index_is_counted_against_the_ledger(estate, finding):
    said = finding(estate, "RET-2")
    assert (said.verdict, said.population) == ("pass", len(estate.rows))
    access, audit = estate.facts.trails
    estate.fact(trails=(msgspec.structs.replace(access, recent=3), audit))
    said = finding(estate, "RET-2")
    assert (said.verdict, said.exceptions) == ("fail", 1)
    assert "of 3 entries of access" in said.found[0]
    # Of a trail that was changed, what is left of it is no measure.
    estate.fact(trails=(msgspec.structs.replace(access, recent=3, problems=("access/1: other",)), audit))
    assert finding(estate, "RET-2").verdict == "pass"


def removed(estate, age: int, left: bool = True, at: int = HOUR) -> None:
    row = estate.add(at, "sealtrail.prune", "system")
    oldest = stamp(estate.start - age * DAY) if left else ""
    fact = PruneFact(f"audit/{row['sealtrail.index']}", "access", 500, row["event.ingested"], oldest)
    estate.fact(prunes=(*estate.facts.prunes, fact))


def test_what_was_removed_is_older_than_what_was_left(estate, finding):
    removed(estate, age=365)
    assert finding(estate, "RET-3").verdict == "pass"
    removed(estate, age=364)
    said = finding(estate, "RET-3")
    assert (said.verdict, said.population, said.exceptions) == ("fail", 2, 1)
    assert "access below 500 removed at 364 days of 365" in said.found[0]


def test_a_removal_outside_of_the_window_is_another_reports(estate, finding):
    removed(estate, age=1, at=-HOUR)
    assert finding(estate, "RET-3").verdict == "not-exercised"


def test_a_removal_that_a_later_one_swallowed_is_judged_by_that(estate, finding):
    removed(estate, age=1, left=False)
    assert finding(estate, "RET-3").verdict == "pass"
