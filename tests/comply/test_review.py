from __future__ import annotations

import msgspec

from sealtrail.store.query.times import DAY, HOUR, stamp


def test_each_day_is_counted_by_itself(estate, finding):
    said = finding(estate, "REV-1")
    assert (said.verdict, said.population) == ("pass", 3)
    estate.remove("sealtrail.review.day:2026-01-02")
    assert finding(estate, "REV-1").found == ("2026-01-02: no review",)


def test_a_day_is_due_when_its_time_is_up(estate, finding):
    estate.remove("event.action:sealtrail.review")
    estate.fact(as_of=stamp(estate.start + 2 * DAY))
    said = finding(estate, "REV-1")
    assert (said.population, said.exceptions) == (1, 1)
    estate.fact(as_of=stamp(estate.start + DAY))
    assert finding(estate, "REV-1").verdict == "no-data"


def test_a_day_that_was_reviewed_before_it_was_due_counts(estate, finding):
    estate.fact(as_of=stamp(estate.start + DAY + 2 * HOUR))
    said = finding(estate, "REV-1")
    assert (said.verdict, said.population) == ("pass", 3)


def test_days_before_the_record_began_are_not_due(estate, finding):
    estate.remove("sealtrail.review.day:2026-01-01")
    assert finding(estate, "REV-1").verdict == "fail"
    estate.fact(began=stamp(estate.start + DAY))
    said = finding(estate, "REV-1")
    assert (said.verdict, said.population) == ("pass", 2)
    estate.fact(began=stamp(estate.start + DAY - 1))
    assert finding(estate, "REV-1").population == 3


def test_a_part_of_a_day_is_no_day(estate, finding):
    estate.window = msgspec.structs.replace(estate.window, start=estate.start + 1)
    assert finding(estate, "REV-1").population == 2


def test_a_late_review_is_an_exception_and_says_by_whom(estate, finding):
    estate.put("sealtrail.review.day:2026-01-02", event__ingested=stamp(estate.start + 3 * DAY + 1))
    said = finding(estate, "REV-1")
    assert "2026-01-02: signed late, at 2026-01-04T00:00Z by rita (audit/" in said.found[0]
    estate.term(review_hours=48)
    assert finding(estate, "REV-1").verdict == "pass"


def test_the_first_of_several_reviews_decides(estate, finding):
    estate.add(4 * DAY, "sealtrail.review", "system", user__id="x", sealtrail__review__day="2026-01-02")
    assert finding(estate, "REV-1").verdict == "pass"


def test_a_reviewer_who_acted_that_day_is_a_limit_that_is_stated(estate, finding):
    assert len(finding(estate, "REV-1").notes) == 1  # rita exported on the third day
    estate.add(HOUR, "sealtrail.block", "system", user__id="rita")
    for action in ("sealtrail.read", "sealtrail.report", "sealtrail.alert.close"):
        estate.add(DAY + HOUR, action, "system", user__id="rita")
    notes = finding(estate, "REV-1").notes
    assert [note[:10] for note in notes] == ["2026-01-01", "2026-01-03"]
    assert "rita reviewed a day with operators' acts of their own" in notes[0]


def test_what_detection_has_yet_to_catch_up_with_is_given_a_moment(estate, finding):
    estate.fact(seen={"access": 0, "audit": 10_000})
    assert finding(estate, "REV-2").verdict == "fail"
    estate.fact(behind=stamp(estate.start))
    assert finding(estate, "REV-2").verdict == "pass"


def test_a_folder_that_detection_never_saw_was_not_reviewed(estate, finding):
    estate.fact(seen=None)
    said = finding(estate, "REV-2")
    assert said.verdict == "fail"
    assert said.exceptions == said.population > 0


def test_an_alert_that_is_open_is_named(estate, finding):
    estate.remove("event.action:sealtrail.alert.close and sealtrail.alert.id:alert1")
    said = finding(estate, "REV-3")
    assert (said.verdict, said.population, said.found) == ("fail", 4, ("alert alert1 is open",))


def test_an_alert_that_was_opened_again_is_open(estate, finding):
    estate.add(4 * DAY, "sealtrail.alert.reopen", "system", sealtrail__alert__id="alert1")
    assert finding(estate, "REV-3").found == ("alert alert1 is open",)
    estate.add(4 * DAY + 1, "sealtrail.alert.close", "system", sealtrail__alert__id="alert1")
    assert finding(estate, "REV-3").verdict == "pass"


def test_an_alert_may_be_closed_after_the_window(estate, finding):
    estate.put("sealtrail.alert.id:alert1", **{"@timestamp": stamp(estate.start + 4 * DAY)})
    assert finding(estate, "REV-3").verdict == "pass"


def test_alerts_about_imported_history_are_nobodys_duty(estate, finding):
    estate.add(HOUR, "sealtrail.alert", "alert", event__id="old", sealtrail__import=True)
    assert finding(estate, "REV-3").verdict == "pass"
