from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.event import Rejection
from sealtrail.ship.line import Answer
from sealtrail.ship.verdict import Denied, Later, OtherCoding, Taken, TooMuch, judge, reason

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def said(status: int, value: object = b"", **headers: str):
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return judge(Answer(status, named, body), 3, "https://seal.example.org", now=NOW)


def refusal(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "no", "hint": ""}}


def taken(accepted: int, duplicates: int = 0, *rejected: int) -> dict[str, object]:
    lines = [{"line": n, "path": "$.x", "code": "event.type", "error": "no"} for n in rejected]
    return {"accepted": accepted, "duplicates": duplicates, "conflicts": 0, "rejected": lines, "receipts": []}


def test_an_answer_that_accounts_for_every_line_is_taken():
    assert isinstance(said(200, taken(2, 1)), Taken)
    assert isinstance(said(200, taken(2, 0, 3)), Taken)
    assert isinstance(said(422, taken(0, 0, 1, 2, 3)), Taken)


@pytest.mark.parametrize(
    "value",
    [taken(2), taken(4), taken(2, 0, 4), taken(2, 0, 0), taken(1, 0, 2, 2), taken(-1, 4), b"{", b"", []],
)
def test_an_answer_that_does_not_add_up_acknowledges_nothing(value):
    assert isinstance(said(200, value), Later)


def test_each_refusal_means_what_it_says():
    assert isinstance(said(413), TooMuch)
    assert isinstance(said(422, refusal("body.unreadable")), TooMuch)
    assert isinstance(said(415, refusal("body.media-type")), OtherCoding)
    for status, code in ((401, "access.missing"), (403, "access.denied")):
        assert isinstance(said(status, refusal(code)), Denied)
    # A proxy's refusal is no collector's: it is waited for, and nothing is given up.
    for status in (301, 400, 401, 403, 404, 415, 429, 500, 502, 503):
        assert isinstance(said(status, b"<html>no</html>"), Later)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("Tue, 24 Nov 2026 08:00:09 GMT", 9),
        ("Tue, 24 Nov 2026 07:00:00 GMT", 0),
        ("999999", 300),
        ("-3", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_how_long_to_wait_is_read_as_a_number_or_a_date(text, seconds):
    verdict = said(503, b"", retry_after=text)
    assert isinstance(verdict, Later)
    assert verdict.seconds == seconds


@given(status=st.integers(100, 599), body=st.binary(max_size=200), after=st.text(max_size=40))
def test_whatever_is_answered_nothing_raises_and_nothing_is_taken_by_chance(status, body, after):
    verdict = judge(Answer(status, {"retry-after": after}, body), 3, "x", now=NOW)
    assert not isinstance(verdict, Taken)


def test_a_reason_of_a_later_version_is_kept_under_a_code_of_ours():
    assert reason(Rejection(1, "$", "event.type", "no")).code == "event.type"
    assert reason(Rejection(1, "$", "event.of-the-future", "no\x1b[2J")).code == "event.refused"
    assert "\x1b" not in reason(Rejection(1, "$\x1b", "event.of-the-future", "no\x1b[2J")).what
