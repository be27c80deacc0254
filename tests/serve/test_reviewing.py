from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealtrail.errors import QueryError, UsageError
from sealtrail.serve import reviewing
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.serve.reviewing import days, listed, review, sign

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def data(collecting, line, tmp_path):
    """Three requests yesterday, one today."""
    with collecting() as collector:
        at = [f"{YESTERDAY}T10:00:00.000000Z"] * 3 + [f"{TODAY}T00:00:00.000000Z"]
        collector.submit("key:1", [line(seq, **{"@timestamp": time}) for seq, time in enumerate(at)])
    return tmp_path / "data"


@pytest.mark.parametrize("serving", [False, True])
def test_a_review_is_a_sealed_event_that_says_what_the_day_held(data, collecting, serving):
    if serving:
        with collecting():
            _, place = sign(data, "yesterday", "all quiet", "rita")
    else:
        _, place = sign(data, "yesterday", "all quiet", "rita")
    (row,) = Reading.open(Folder(data)).search("event.action:sealtrail.review")
    assert row.address == place
    assert row.fields["user.id"] == "rita"
    assert row.fields["sealtrail.review.day"] == str(YESTERDAY)
    assert row.fields["event.reason"] == "all quiet"
    assert row.fields["sealtrail.details"] == {
        "records": 3,
        "alerts": 0,
        "until": f"{TODAY}T00:00:00.000000Z",
    }


def test_the_list_has_every_day_and_what_became_of_it(data, monkeypatch):
    sign(data, str(YESTERDAY), "first", "rita")
    sign(data, str(YESTERDAY), "second", "paul")
    old = str(TODAY - timedelta(days=9))
    sign(data, old, "", "rita")
    rows = {row["day"]: row for row in listed(data, old, "today")}
    assert len(rows) == 10
    assert rows[old]["status"] == "late"
    assert rows[str(TODAY - timedelta(days=5))]["status"] == "before"  # the folder is of today
    monkeypatch.setattr(reviewing, "began", lambda _: "")
    again = {row["day"]: row for row in listed(data, old, "today")}
    assert again[str(TODAY - timedelta(days=5))]["status"] == "missing"
    assert rows[str(TODAY)] == {
        **rows[str(TODAY)],
        "status": "open",
        "records": 1,
        "by": "",
    }
    yesterday = rows[str(YESTERDAY)]
    assert (yesterday["status"], yesterday["by"], yesterday["note"]) == ("reviewed", "rita", "first")
    assert (yesterday["records"], yesterday["own_acts"]) == (3, False)


def test_a_day_that_is_not_over_is_reviewed_up_to_now(data):
    now = datetime.now(UTC)
    event = review(Reading.open(Folder(data)), "today", "", "rita", now)
    assert event["sealtrail.details"]["until"] < f"{TODAY}T23:59:59"
    assert "event.reason" not in event


@pytest.mark.parametrize(
    ("day", "error"),
    [
        ("2h", UsageError),
        ("2026-01-01T10:00:00Z", UsageError),
        ("soon", QueryError),
        ("9998-01-01", UsageError),
    ],
)
def test_what_is_no_day_that_has_begun_cannot_be_signed_for(data, day, error):
    with pytest.raises(error):
        sign(data, day, "", "rita")
    assert not Reading.open(Folder(data)).search("event.action:sealtrail.review")


def test_a_note_has_a_limit(data):
    with pytest.raises(UsageError, match="at most"):
        sign(data, "yesterday", "x" * 2001, "rita")


@pytest.mark.parametrize(("since", "until"), [("today", "yesterday"), ("1900-01-01", "today")])
def test_a_list_has_a_beginning_and_an_end(data, since, until):
    folder = Folder(data)
    with pytest.raises(UsageError, match="days"):
        days(folder, Reading.open(folder), since, until, datetime.now(UTC))


def test_a_day_is_late_when_its_hours_are_over(data, tmp_path):
    sign(data, "yesterday", "", "rita")
    folder = Folder(data)
    (tmp_path / "data" / "settings.toml").write_text("[compliance]\nreview-hours = 0\n")
    (row,) = days(folder, Reading.open(folder), "yesterday", "yesterday", datetime.now(UTC))
    assert row.status == "late"


def test_a_reviewer_who_acted_that_day_is_marked(data, collecting):
    with collecting() as collector:
        collector.pipeline.record({"event.action": "sealtrail.export", "user.id": "rita"}).result()
    sign(data, "today", "", "rita")
    (row,) = listed(data, "today", "today")
    assert row["own_acts"] is True
