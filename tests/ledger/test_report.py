from __future__ import annotations

import json

from sealtrail.ledger.report import MAX_PROBLEMS, Report, TrailReport


def test_a_contradiction_outweighs_what_was_left_open():
    trail = TrailReport("audit", size=3)
    report = Report([trail])
    assert (report.verdict, report.exit_code) == ("intact", 0)
    trail.unchecked("no key")
    assert (report.verdict, report.exit_code) == ("unchecked", 2)
    trail.problem(2, "other bytes")
    assert (report.verdict, report.exit_code) == ("tampered", 1)
    assert report.lines()[0] == "tampered at audit/2: other bytes"


def test_nothing_at_all_is_unchecked_and_never_intact():
    assert Report([]).verdict == "unchecked"
    assert not Report([]).anchored


def test_every_trail_with_entries_must_be_anchored():
    one, two, empty = TrailReport("a", size=3, anchored_to=2), TrailReport("b", size=3), TrailReport("c")
    assert not Report([one, two, empty]).anchored
    two.anchored_to = 1
    assert Report([one, two, empty]).anchored


def test_not_anchored_is_said_loudly_and_only_where_it_is_news():
    trail = TrailReport("audit", size=3)
    assert "NOT anchored" in "\n".join(Report([trail]).lines())
    trail.anchored_to = 3
    assert "NOT anchored" not in "\n".join(Report([trail]).lines())


def test_thousands_of_problems_are_not_repeated_or_kept():
    trail = TrailReport("audit")
    for n in range(3 * MAX_PROBLEMS):
        trail.problem(n // 2, "same")
    assert len(trail.problems) == MAX_PROBLEMS
    assert len({problem.index for problem in trail.problems}) == MAX_PROBLEMS


def test_the_document_is_json():
    trail = TrailReport("audit", size=3)
    trail.problem(None, "gone", "trails/audit/checkpoint")
    document = json.loads(json.dumps(Report([trail]).document()))
    assert document["trails"][0]["problems"] == [
        {"index": None, "what": "gone", "place": "trails/audit/checkpoint"}
    ]


def test_a_proof_speaks_of_its_one_entry_and_of_no_other():
    trail = TrailReport("audit", size=87, checkpoints=1, proved=3)
    assert "entry 3 is one of the 87 under a checkpoint" in Report([trail]).lines()[1]
    assert "87 entries" not in "\n".join(Report([trail]).lines())


def test_one_is_written_as_one():
    trail = TrailReport("audit", size=1, checkpoints=1)
    assert "1 entry under 1 checkpoint" in Report([trail]).lines()[1]
    assert "1 entries" not in Report([trail]).lines()[1]
