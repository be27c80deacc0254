from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sealtrail.console.reviews import WEEKS, monday
from sealtrail.event import read

TODAY = datetime.now(UTC).date()
BAD = "<img src=x onerror=alert(1)>"


def test_a_day_is_signed_for_in_the_readers_name_and_then_stands_there(console, person):
    auditor = person("auditor")
    assert "No day of these weeks was signed for" in auditor.get("/reviews").text
    page = auditor.post("/reviews", day=str(TODAY), note=BAD)
    assert page.status_code == 200, page.text
    assert page.url.path == "/reviews"
    assert "reviewed" in page.text
    assert "<img src=x" not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
    told = [read(entry) for entry in console.served.collector.ledger.read("audit", 0, 2000)]
    (event,) = [one for one in told if one["event.action"] == "sealtrail.review"]
    assert (event["user.id"], event["sealtrail.review.day"]) == ("link:root", str(TODAY))


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_who_may_look_and_not_sign_has_no_form_and_is_refused(person, role):
    somebody = person(role)
    page = somebody.get("/reviews")
    assert page.status_code == 200
    assert 'action="/reviews"' not in page.text
    assert somebody.post("/reviews", day=str(TODAY)).status_code == 403


@pytest.mark.parametrize("day", ["soon", "9998-01-01", ""])
def test_what_is_no_day_is_said_on_the_page(person, day):
    page = person("auditor").post("/reviews", day=day, note="mine")
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert 'value="mine"' in page.text


def test_earlier_weeks_can_be_looked_at(person):
    auditor = person("auditor")
    page = auditor.get("/reviews", back=str(WEEKS)).text
    last = monday(TODAY) - timedelta(days=7 * WEEKS - 6)
    assert f'datetime="{last}"' in page
    assert f'datetime="{TODAY}"' not in page
    assert "before the record began" in page
    assert auditor.get("/reviews", back="100000").status_code == 400


def test_weeks_begin_on_mondays():
    assert monday(date(2026, 11, 24)) == monday(date(2026, 11, 29)) == date(2026, 11, 23)
    assert monday(date(2026, 11, 23)) == date(2026, 11, 23)
