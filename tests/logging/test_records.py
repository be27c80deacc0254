"""What a record says, read without trusting it."""

from __future__ import annotations

import logging

import pytest

from sealtrail.capture.traces import Ids
from sealtrail.logging.records import extras, ids_of, is_own, merged, time_of


def record_of(**fields):
    return logging.makeLogRecord(fields)


def test_extras_are_what_no_record_has_by_itself():
    assert extras(record_of(msg="m", taskName="t", mount="/data", request_id="r")) == {"mount": "/data"}


def test_ids_that_a_filter_put_there_are_taken_and_placeholders_are_not(made):
    assert ids_of(record_of(request_id="r", trace_id="-", span_id=None, user_id=7)) == Ids("r", "", "", "7")
    assert ids_of(record_of()) == Ids()


@pytest.mark.parametrize(("name", "own"), [("sealtrail", True), ("sealtrail.x", True), ("sealtrails", False)])
def test_our_own_records_are_known_by_their_logger(name, own):
    assert is_own(record_of(name=name)) is own


@pytest.mark.parametrize("created", [float("nan"), 1e300, None, "x"])
def test_a_time_that_is_none_is_empty(created):
    assert not time_of(record_of(created=created))


def test_a_secret_named_argument_is_hidden_and_told_of():
    record = record_of(msg="%(user)s %(password)s", args={"user": "ann", "password": "x"})
    assert merged(record) == ("ann [redacted:password]", ("message.password:password",), True)


def test_a_number_that_is_secret_by_name_leaves_the_template_alone():
    record = record_of(msg="pin %(pin)d", args={"pin": 1234})
    assert merged(record).text.startswith("pin %(pin)d")
    assert "1234" not in merged(record).text
