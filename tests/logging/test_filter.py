"""Ids onto records, secrets out of them, and nothing of the caller's changed."""

from __future__ import annotations

import io
import logging

import pytest

from sealtrail.capture.foreign import LOST
from sealtrail.logging import Filter

FORMAT = "%(levelname)s [%(request_id)s %(trace_id)s %(span_id)s %(user_id)s] %(message)s"
SECRET = "correct-horse-battery"


@pytest.fixture
def written(logger):
    """What a handler with the filter and a plain format writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Filter(default="-"))
    logger.addHandler(handler)
    return stream.getvalue


def test_outside_of_a_request_the_default_stands_for_each_id(made, logger, written):
    logger.info("hello %s", "ann")
    assert written() == "INFO [- - - -] hello ann\n"


def test_within_a_request_the_ids_are_there(app, made, logger, written, events):
    @app.get("/log")
    def log():
        logger.info("here")
        return "x"

    app.test_client().get("/log", headers={"X-Request-ID": "r-5"})
    event = events()[0]
    assert written() == f"INFO [r-5 {event['trace.id']} {event['span.id']} -] here\n"


def test_ids_that_the_caller_gave_stay(made, logger, written):
    logger.info("x", extra={"request_id": "mine"})
    assert "[mine - - -]" in written()


def test_a_secret_in_the_message_goes_and_the_arguments_stay(made, logger, written):
    mine = [f"password={SECRET}"]
    logger.info("got %s", mine)
    assert SECRET not in written()
    assert "[redacted:password]" in written()
    assert mine == [f"password={SECRET}"]


def test_a_clean_record_keeps_template_and_arguments(made, logger):
    record = logger.makeRecord("x", 20, "f", 1, "hello %s", ("ann",), None)
    assert Filter().filter(record)
    assert (record.msg, record.args) == ("hello %s", ("ann",))


def test_an_exception_with_a_secret_is_printed_without_it(made, logger, written):
    try:
        raise ValueError(f"token={SECRET}")  # noqa: TRY301 - caught on the spot
    except ValueError:
        logger.exception("broken")
    assert SECRET not in written()
    assert "Traceback (most recent call last)" in written()
    assert "ValueError: token=[redacted:token]" in written()


def test_an_exception_without_a_secret_stays_an_exception(made, logger):
    error = ValueError("nothing to hide")
    record = logger.makeRecord("x", 40, "f", 1, "broken", (), (ValueError, error, None))
    Filter().filter(record)
    assert record.exc_info[1] is error
    assert record.exc_text is None
    assert record.error_type == "ValueError"


def test_extras_are_replaced_by_copies(made, logger):
    mine = {"login": {"password": SECRET}}
    record = logger.makeRecord("x", 20, "f", 1, "m", (), None, extra={"payload": mine, "api_key": SECRET})
    Filter().filter(record)
    assert SECRET not in str(record.__dict__)
    assert mine == {"login": {"password": SECRET}}


def test_scrubbing_and_ids_can_be_left_out(made, logger):
    record = logger.makeRecord("x", 20, "f", 1, f"password={SECRET}", (), None)
    Filter(scrub=False, ids=False).filter(record)
    assert record.getMessage() == f"password={SECRET}"
    assert not hasattr(record, "request_id")


def test_a_kept_rule_leaves_addresses(made, logger):
    record = logger.makeRecord("x", 20, "f", 1, "mail to ann@example.org", (), None)
    Filter(keep=["email"]).filter(record)
    assert record.getMessage() == "mail to ann@example.org"


def test_a_name_lets_only_that_loggers_records_pass(made, logger):
    record = logger.makeRecord("shop.pay", 20, "f", 1, "m", (), None)
    assert Filter("shop").filter(record)
    assert not Filter("other").filter(record)


def test_arguments_that_do_not_fit_are_not_printed_to_standard_error(made, logger, written, capsys):
    logger.info("%d of %d", SECRET)  # noqa: PLE1206 - the mistake is the point
    assert SECRET not in written() + capsys.readouterr().err
    assert "do not fit" in written()


def test_what_cannot_be_looked_at_is_not_let_through(made, logger, monkeypatch):
    record = logger.makeRecord("x", 20, "f", 1, f"password={SECRET}", (), None)
    monkeypatch.setattr("sealtrail.logging.filter.merged", lambda *_: 1 / 0)
    assert Filter().filter(record)
    assert record.getMessage() == LOST
