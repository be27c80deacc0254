"""One line of JSON a record, with ECS names, without secrets, whatever the record holds."""

from __future__ import annotations

import io
import json
import logging
import logging.config

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.logging import JSONFormatter


def line_of(record, **options):
    text = JSONFormatter(**options).format(record)
    assert "\n" not in text
    return json.loads(text)


def record_of(message="m", args=(), *, level=20, error=None, **extra):
    return logging.getLogger("shop").makeRecord(
        "shop.pay", level, "/a/pay.py", 7, message, args, error, "buy", extra
    )


def test_a_line_says_what_ecs_calls_it(made):
    record = record_of("paid %d", (3,), level=30, invoice="17")
    record.created = 1_700_000_000.5
    line = line_of(record, service="shop", version="1.2", environment="test", defaults={"region": "eu"})
    assert line["@timestamp"] == "2023-11-14T22:13:20.500000Z"
    assert (line["log.level"], line["log.logger"]) == ("warning", "shop.pay")
    assert (line["message"], line["invoice"], line["region"]) == ("paid 3", "17", "eu")
    assert (line["log.origin.file.name"], line["log.origin.file.line"]) == ("pay.py", 7)
    assert (line["service.name"], line["service.version"], line["service.environment"]) == (
        "shop",
        "1.2",
        "test",
    )


def test_an_exception_has_class_text_and_trace_without_secrets(made):
    try:
        raise ValueError("password=hunter2")  # noqa: TRY301 - caught on the spot
    except ValueError as error:
        line = line_of(record_of(error=(ValueError, error, error.__traceback__)))
    assert line["error.type"] == "ValueError"
    assert line["error.message"] == "password=[redacted:password]"
    assert line["error.stack_trace"].startswith("Traceback")
    assert "hunter2" not in str(line["error.stack_trace"].rpartition("ValueError")[2])


def test_secrets_go_from_extras_and_the_callers_objects_stay(made):
    mine = {"password": "hunter2"}
    assert "hunter2" not in str(line_of(record_of(payload=mine, token="hunter2hunter2")))
    assert mine == {"password": "hunter2"}


def test_an_extra_cannot_pass_for_what_is_said_of_every_record(made):
    line = line_of(
        record_of(**{"log.level": "info", "trace.id": "forged"}), defaults={"service.name": "other"}
    )
    assert line["log.level"] == "info"
    assert "trace.id" not in line


def test_within_a_request_its_ids_are_in_the_line(app, made, logger, events):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logger.addHandler(handler)

    @app.get("/log")
    def log():
        logger.info("here")
        return "x"

    app.test_client().get("/log")
    line, event = json.loads(stream.getvalue()), events()[0]
    assert {n: line[n] for n in ("http.request.id", "trace.id", "span.id")} == {
        n: event[n] for n in ("http.request.id", "trace.id", "span.id")
    }


def test_nothing_in_a_line_breaks_it_or_steers_a_terminal(made):
    text = JSONFormatter().format(
        record_of("a\nb\r\x1b[2J\x7f\x85\u2028\u202e\ud800 c", **{"k\n\u2028": "\x9b31m"})
    )
    assert text.isprintable()
    assert json.loads(text)["message"].startswith("a\nb\r\x1b[2J")


@given(st.text(), st.text(), st.recursive(st.text() | st.integers() | st.floats(), st.lists))
def test_every_record_is_one_readable_line(message, name, value):
    line = line_of(logging.makeLogRecord({"msg": message, "name": name, "levelno": 10, "odd": value}))
    assert line["log.level"] == "debug"


class _Explosive:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "field", ["msg", "args", "name", "levelno", "created", "exc_info", "filename", "lineno", "extra"]
)
def test_a_record_of_nonsense_does_not_raise(made, field):
    assert json.loads(JSONFormatter().format(logging.makeLogRecord({"levelno": 20, field: _Explosive()})))


def test_all_three_can_be_named_in_a_configuration(made, tmp_path, events):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {"()": "sealtrail.logging.JSONFormatter", "service": "shop"},
                "classed": {"class": "sealtrail.logging.JSONFormatter", "format": "%(message)s"},
            },
            "filters": {"sealtrail": {"()": "sealtrail.logging.Filter", "default": "-"}},
            "handlers": {
                "file": {
                    "class": "logging.FileHandler",
                    "filename": str(tmp_path / "app.log"),
                    "formatter": "json",
                    "filters": ["sealtrail"],
                },
                "sealtrail": {"class": "sealtrail.logging.Handler", "from_level": "ERROR"},
                "classed": {"class": "logging.StreamHandler", "formatter": "classed"},
            },
            "loggers": {
                "configured": {"handlers": ["file", "sealtrail"], "level": "INFO", "propagate": False}
            },
        }
    )
    logger = logging.getLogger("configured")
    logger.info("one")
    logger.error("two password=hunter2")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    lines = [json.loads(text) for text in (tmp_path / "app.log").read_text().splitlines()]
    assert [line["message"] for line in lines] == ["one", "two password=[redacted:password]"]
    assert [line["service.name"] for line in lines] == ["shop", "shop"]
    assert [event["log.level"] for event in events()] == ["error"]
    assert "request_id" not in lines[0]
