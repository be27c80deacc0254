from __future__ import annotations

import msgspec

from sealtrail.store.query.times import DAY, HOUR, SECOND, stamp


def test_a_failure_without_an_alert_is_named(estate, finding):
    assert finding(estate, "LOG-1").verdict == "pass"
    row = estate.add(HOUR, "sealtrail.cut", "system")
    said = finding(estate, "LOG-1")
    assert (said.verdict, said.population, said.exceptions) == ("fail", 2, 1)
    assert said.found[0].startswith(f"audit/{row['sealtrail.index']} ")


def test_what_to_do_about_a_failure_is_for_people(estate, finding):
    assert finding(estate, "LOG-2").verdict == "needs-human"
    estate.remove("event.action:sealtrail.gap")
    assert finding(estate, "LOG-2").verdict == "not-exercised"


def test_a_collector_that_ran_all_the_while_started_and_stopped_nothing(estate, finding):
    estate.put("event.action:sealtrail.started", **{"@timestamp": stamp(estate.start - HOUR)})
    said = finding(estate, "EVT-5")
    assert (said.verdict, said.population) == ("not-exercised", 0)


def test_a_start_after_a_start_is_a_death_without_a_word(estate, finding):
    assert finding(estate, "EVT-5").verdict == "pass"
    estate.add(HOUR, "sealtrail.started", "system")
    said = finding(estate, "EVT-5")
    assert (said.verdict, said.exceptions) == ("fail", 1)


def test_starts_and_stops_in_turn_are_in_order(estate, finding):
    for hour in range(1, 9):
        action = "sealtrail.stopped" if hour % 2 else "sealtrail.started"
        estate.add(hour * HOUR, action, "system")
    assert finding(estate, "EVT-5").verdict == "pass"


def test_the_first_start_of_all_follows_nothing(estate, finding):
    estate.remove(
        f'event.action:(sealtrail.started or sealtrail.stopped) and @timestamp<"{stamp(estate.start)}"'
    )
    assert finding(estate, "EVT-5").verdict == "pass"


def test_a_few_late_records_are_not_a_clock(estate, finding):
    """The least delay counts: a spool that waited makes some records late, not all."""
    for row in estate.rows[::2]:
        row["event.ingested"] = stamp(estate.start + 4 * DAY)
    estate.request(HOUR, "billing")
    estate.request(DAY + HOUR, "billing")
    estate.request(2 * DAY + HOUR, "billing")
    for day in range(3):
        estate.request(day * DAY + HOUR, "shop")
    assert finding(estate, "TIM-1").verdict == "pass"


def test_a_clock_is_off_by_source_and_day(estate, finding):
    for row in estate.rows:
        if row.get("service.name") == "shop" and row["@timestamp"].startswith("2026-01-02"):
            row["event.ingested"] = stamp(estate.start + DAY - 3 * SECOND)
    assert finding(estate, "TIM-1").found == (
        "shop, from 2026-01-02T00:00Z: at least 82,803.0 s ahead of the collector",
    )


def test_imported_history_says_nothing_of_clocks(estate, finding):
    for row in estate.rows:
        row["sealtrail.import"] = True
    assert finding(estate, "TIM-1").verdict == "no-data"


def test_long_windows_are_measured_by_weeks(estate):
    week = msgspec.structs.replace(estate.window, end=estate.start + 70 * DAY, judged=estate.start + 70 * DAY)
    assert len(week.steps()) == 10
    assert week.steps()[-1][1] == week.judged
    assert len(estate.window.steps()) == 3
