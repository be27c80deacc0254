from __future__ import annotations

import msgspec


def test_a_record_that_could_not_be_checked_is_for_a_person(estate, finding):
    estate.fact(verdict="unchecked")
    assert finding(estate, "INT-1").verdict == "needs-human"


def test_intact_without_an_anchor_says_what_that_leaves_open(estate, finding):
    assert finding(estate, "INT-1").notes == ()
    estate.fact(anchored=False)
    said = finding(estate, "INT-1")
    assert said.verdict == "pass"
    assert "not anchored" in said.notes[0]


def test_tampering_without_a_place_is_still_an_exception(estate, finding):
    estate.fact(verdict="tampered")
    said = finding(estate, "INT-1")
    assert (said.verdict, said.exceptions) == ("fail", 1)


def test_nothing_signed_is_nothing_to_judge(estate, finding):
    estate.fact(trails=tuple(msgspec.structs.replace(t, signed=0, size=0) for t in estate.facts.trails))
    assert finding(estate, "INT-1").verdict == "no-data"
    assert finding(estate, "INT-2").verdict == "needs-human"


def test_the_kept_checkpoint_has_to_cover_the_window_and_not_what_came_after(estate, finding):
    beyond = max(row["sealtrail.index"] for row in estate.rows) + 1
    access, audit = (msgspec.structs.replace(t, anchored_to=beyond) for t in estate.facts.trails)
    estate.fact(trails=(access, audit))
    assert finding(estate, "INT-2").verdict == "pass"
    estate.fact(trails=(access, msgspec.structs.replace(audit, anchored_to=beyond - 1)))
    assert finding(estate, "INT-2").verdict == "needs-human"


def test_a_drill_that_was_not_made_shows_nothing(estate, finding):
    estate.fact(drill=())
    assert finding(estate, "INT-3").verdict == "no-data"


def test_each_trial_is_a_number_of_the_drill(estate, finding):
    estate.fact(drill=(("altered", True), ("taken out", False)))
    said = finding(estate, "INT-3")
    assert {n.name: n.value for n in said.numbers} == {"altered: found": 1, "taken out: found": 0}
    assert said.found == ("taken out",)


def test_modes_of_files_are_told_with_the_file(estate, finding):
    estate.fact(writable=("keys/audit.key",), readable=("trails",))
    assert finding(estate, "INT-5").found == ("keys/audit.key: group or others may write",)
    assert finding(estate, "RD-1").found == ("trails: others may read",)


def test_who_may_read_is_listed_for_the_person_who_approves_it(estate, finding):
    assert finding(estate, "RD-1").notes == ("may read: key 1, auditor",)


def test_tampering_shows_also_where_nothing_is_left_in_the_window(empty):
    assert empty.judge("pci-dss-4.0.1").verdicts["10.3.2"] == "no-data"
    empty.fact(verdict="tampered")
    assert empty.judge("pci-dss-4.0.1").verdicts["10.3.2"] == "fail"
