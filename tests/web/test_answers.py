from __future__ import annotations

import json

import pytest

from sealtrail.errors import (
    AccessError,
    BusyError,
    EventError,
    LedgerError,
    NotFoundError,
    QueryError,
    RuleError,
    TamperedError,
    UsageError,
)
from sealtrail.web.answers import HEADERS, Told, json_answer


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessError("access.missing", "x"), 401),
        (AccessError("access.denied", "x"), 403),
        (AccessError("access.origin", "x"), 403),
        (BusyError("busy.queue", "x"), 429),
        (BusyError("busy.attempts", "x"), 429),
        (BusyError("busy.readers", "x"), 429),
        (BusyError("busy.disk", "x"), 503),
        (BusyError("busy.stopping", "x"), 503),
        (EventError("body.too-large", "x"), 413),
        (EventError("body.media-type", "x"), 415),
        (EventError("body.unreadable", "x"), 422),
        (EventError("body.too-slow", "x"), 408),
        (EventError("event.type", "x"), 422),
        (QueryError("query.syntax", "x"), 400),
        (UsageError("usage.argument", "x"), 400),
        (UsageError("usage.password", "x"), 400),
        (UsageError("usage.path", "x"), 500),
        (NotFoundError("not-found.trail", "x"), 404),
        (NotFoundError("not-found.pruned", "x"), 410),
        (LedgerError("ledger.io", "x"), 503),
        (TamperedError("x"), 503),
        (RuleError("rule.syntax", "x"), 500),
    ],
)
def test_a_designed_error_is_its_status_with_its_code_and_what_to_do(error, status):
    error.hint = "Do this."
    answer = Told.of(error).answer()
    assert answer.status_code == status
    told = json.loads(answer.body)["error"]
    ours = status == 500 or error.code == "ledger.io"
    assert told["code"] == error.code
    assert (told["message"] == error.what, told["hint"] == "Do this.") == (not ours, not ours)
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    assert ("www-authenticate" in answer.headers) == (status in {401, 403})


def test_places_on_the_disk_of_the_house_are_told_to_nobody():
    for error in (
        UsageError("usage.format", "a file in /var/lib/seal cannot be read", hint="In /var/lib/seal."),
        LedgerError("ledger.io", "/var/lib/seal: No space left on device", hint="/var/lib/seal"),
    ):
        assert "/var/lib" not in str(Told.of(error))


def test_a_query_that_cannot_be_read_is_told_with_the_place():
    error = QueryError("query.syntax", "x", query="a:(", column=3)
    told = json.loads(Told.of(error).answer().body)["error"]
    assert (told["query"], told["column"]) == ("a:(", 3)


def test_a_second_is_the_least_that_somebody_is_told_to_wait():
    assert Told.of(BusyError("busy.queue", "x", retry_after=0.1)).headers["Retry-After"] == "1"
    assert Told.of(BusyError("busy.queue", "x", retry_after=7.6)).headers["Retry-After"] == "8"


def test_an_answer_is_never_kept_sniffed_or_framed_unless_its_route_says_so():
    plain = json_answer({"a": 1})
    assert (plain.status_code, plain.body) == (200, b'{"a":1}\n')
    for name, value in HEADERS.items():
        assert plain.headers[name] == value
    kept = json_answer([], 200, {"Cache-Control": "max-age=3600"})
    assert kept.headers["Cache-Control"] == "max-age=3600"
    assert kept.headers["X-Content-Type-Options"] == "nosniff"
