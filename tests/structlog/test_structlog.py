"""Processors in real chains: structlog alone, around the standard library, and as its formatter."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

import sealtrail
import sealtrail.structlog
from sealtrail.errors import UsageError
from sealtrail.structlog import BindIds, Record, Scrub, bind_ids, record, scrub

SECRET = "correct-horse-battery"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def lines(log_file: Path):
    return lambda: [json.loads(line) for line in log_file.read_text().splitlines()]


@pytest.fixture
def configured(made, log_file):
    """Structlog alone, to a file."""
    with log_file.open("w") as file:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                bind_ids,
                record,
                structlog.processors.dict_tracebacks,
                scrub,
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        yield structlog.get_logger()


def test_events_of_a_request_carry_its_ids_and_no_secret(configured, app, lines, events):
    @app.get("/log")
    def log():
        sealtrail.actor(user_id="u1")
        configured.info("here", payload={"password": SECRET})
        return "x"

    app.test_client().get("/log", headers={"X-Request-ID": "r-9"})
    event, line = events()[0], lines()[0]
    assert (line["request_id"], line["user_id"]) == ("r-9", "u1")
    assert (line["trace_id"], line["span_id"]) == (event["trace.id"], event["span.id"])
    assert line["payload"] == {"password": "[redacted:password]"}


def test_outside_of_a_request_no_id_is_added(configured, lines):
    configured.info("here")
    assert lines() == [{"event": "here", "level": "info"}]


def test_a_warning_is_an_event_and_a_marked_one_an_act(configured, lines, events):
    configured.info("quiet")
    configured.warning("low on disk", mount="/data")
    configured.info("role", audit="user.role.update", target=("user", "42"), reason="moved", x=1)
    found = events()
    assert [event["event.action"] for event in found] == ["log.warning", "user.role.update"]
    assert found[0]["sealtrail.details"] == {"mount": "/data"}
    assert found[1]["sealtrail.target.id"] == "42"
    assert found[1]["sealtrail.details"] == {"x": 1}
    assert [line["event"] for line in lines()] == ["quiet", "low on disk", "role"]
    assert "audit" not in lines()[2]


def test_what_is_bound_keeps_its_secrets_and_the_log_never_sees_them(configured, lines):
    mine = {"token": SECRET, "list": [f"password={SECRET}"]}
    bound = configured.bind(mine=mine)
    bound.info("one")
    bound.info("two")
    assert SECRET not in json.dumps(lines())
    assert mine == {"token": SECRET, "list": [f"password={SECRET}"]}
    assert structlog.get_context(bound)["mine"] is mine


def test_an_exception_with_a_secret_is_logged_and_recorded_without_it(configured, log_file, events):
    try:
        raise ValueError(f"token={SECRET}")  # noqa: TRY301 - it is to be caught here
    except ValueError:
        configured.exception("broken")
    assert SECRET not in log_file.read_text()
    event = events()[0]
    assert (event["error.type"], event["error.message"]) == ("ValueError", "token=[redacted:token]")
    assert event["event.outcome"] == "failure"


def test_scrub_before_a_renderer_of_exceptions_makes_a_clean_text_of_one_with_a_secret():
    error = ValueError(f"token={SECRET}")
    made = scrub(None, "error", {"event": "x", "exc_info": error})
    assert "exc_info" not in made
    assert made["exception"].endswith("ValueError: token=[redacted:token]")
    clean = ValueError("nothing")
    assert scrub(None, "error", {"event": "x", "exc_info": clean})["exc_info"] is clean


def test_an_entry_that_was_recorded_can_be_kept_from_the_log(made, events):
    alone = Record(level=None, drop=True)
    with pytest.raises(structlog.DropEvent):
        alone(None, "info", {"event": "invoice.delete", "audit": True})
    assert alone(None, "critical", {"event": "not marked"}) == {"event": "not marked"}
    assert [event["event.action"] for event in events()] == ["invoice.delete"]


def test_an_entry_that_could_not_be_recorded_goes_to_the_log_all_the_same(made, tmp_path):
    (tmp_path / "file").write_text("")
    made.spool.folder = tmp_path / "file" / "below"
    assert Record(drop=True)(None, "error", {"event": "x"}) == {"event": "x"}


def test_an_event_is_recorded_by_its_name(made, events):
    chosen = Record(level=None, events=["invoice.paid"])
    chosen(None, "info", {"event": "invoice.paid", "target": ("invoice", "17")})
    chosen(None, "info", {"event": "invoice.seen"})
    assert [event["sealtrail.target.id"] for event in events()] == ["17"]


def test_an_id_that_the_caller_bound_as_a_number_is_the_users(made, events):
    record(None, "error", {"event": "x", "user_id": 42})
    assert events()[0]["user.id"] == "42"


def test_ids_may_go_by_their_ecs_names(made):
    with sealtrail.actor(user_id="u1"):
        assert BindIds(ecs=True)(None, "info", {}) == {"user.id": "u1"}
        assert bind_ids(None, "info", {"user_id": "mine"}) == {"user_id": "mine"}


def test_a_level_that_is_none_is_refused_at_the_start():
    with pytest.raises(UsageError):
        Record(level="loudest")


def test_around_the_standard_library_both_kinds_of_entries_are_clean_and_recorded(
    made, log_file, lines, events
):
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        bind_ids,
        record,
        structlog.processors.format_exc_info,
        scrub,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.FileHandler(log_file)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    plain = logging.getLogger("wrapped.shop")
    plain.propagate = False
    plain.setLevel(logging.INFO)
    plain.addHandler(handler)
    try:
        structlog.get_logger("wrapped.shop").warning("ours", password=SECRET)
        plain.error("theirs password=%s", SECRET)
        try:
            raise KeyError(f"api_key={SECRET}")  # noqa: TRY301 - it is to be caught here
        except KeyError:
            plain.exception("caught")
    finally:
        plain.removeHandler(handler)
        handler.close()
    assert SECRET not in log_file.read_text()
    assert [line["event"] for line in lines()] == ["ours", "theirs password=[redacted:password]", "caught"]
    found = events()
    assert SECRET not in json.dumps(found)
    assert [event["log.logger"] for event in found] == ["wrapped.shop"] * 3
    assert [event["event.action"] for event in found] == ["log.warning", "log.error", "log.error"]
    assert found[2]["error.type"] == "KeyError"


def test_the_processors_hold_what_structlog_asks_of_one():
    for one in (bind_ids, scrub, record, Scrub(keep=["email"])):
        assert callable(one)
    assert sealtrail.structlog.__name__ == "sealtrail.structlog"


@pytest.mark.parametrize("value", [object(), b"\xff", float("nan"), {1: {2}}, "\ud800", ["x"] * 999])
def test_no_value_makes_a_processor_raise(made, value):
    event_dict = {"event": value, "level": value, "logger": value, "exc_info": value, "x\u2028": value}
    for one in (bind_ids, record, scrub):
        event_dict = one(None, "error", event_dict)
    assert "event" in event_dict
