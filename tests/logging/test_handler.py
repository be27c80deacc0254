"""Records of real loggers become events, in threads, through queues, and whatever is in them."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading

import pytest

import sealtrail
from sealtrail.errors import UsageError
from sealtrail.logging import Filter, Handler


def test_a_record_from_the_level_on_is_an_event(made, logger, events):
    logger.addHandler(Handler())
    logger.info("quiet")
    logger.warning("low on %s, %d left", "disk", 3, extra={"mount": "/data"})
    event = events()[0]
    assert len(events()) == 1
    assert event["event.action"] == "log.warning"
    assert event["message"] == "low on disk, 3 left"
    assert event["log.logger"] == "tested.shop"
    assert event["sealtrail.details"] == {"mount": "/data"}


def test_a_marked_record_is_an_act_whatever_its_level(made, logger, events):
    logger.addHandler(Handler(from_level=None))
    logger.error("only a log line")
    with sealtrail.actor(user_id="u1"):
        logger.debug(
            "role", extra={"audit": "user.role.update", "target": ("user", "42"), "outcome": "failure"}
        )
    event = events()[0]
    assert len(events()) == 1
    assert (event["event.action"], event["event.outcome"]) == ("user.role.update", "failure")
    assert (event["sealtrail.target.id"], event["user.id"]) == ("42", "u1")


def test_the_time_of_an_event_is_that_of_the_record(made, logger, events):
    record = logger.makeRecord("x", logging.ERROR, "f", 1, "late", (), None)
    record.created = 1_700_000_000.25
    Handler().handle(record)
    assert events()[0]["@timestamp"] == "2023-11-14T22:13:20.250000Z"


def test_an_exception_with_a_secret_in_it_leaves_only_its_class_and_a_clean_text(made, logger, events):
    logger.addHandler(Handler())
    try:
        raise PermissionError("login as ann with password=hunter2 failed")  # noqa: TRY301 - caught on the spot
    except PermissionError:
        logger.exception("could not sign in")
    event = events()[0]
    assert event["error.type"] == "PermissionError"
    assert event["error.message"] == "login as ann with password=[redacted:password] failed"
    assert event["sealtrail.redacted"] == ["error.message:password"]


def test_a_secret_named_argument_is_removed_from_the_message_and_stays_with_its_caller(made, logger, events):
    logger.addHandler(Handler())
    mine = {"user": "ann", "password": "hunter2hunter2"}
    logger.error("%(user)s sent %(password)s", mine)
    assert events()[0]["message"] == "ann sent [redacted:password]"
    assert mine == {"user": "ann", "password": "hunter2hunter2"}


def test_the_record_is_left_as_it_is_for_other_handlers(made, logger, events):
    seen = []
    logger.addHandler(Handler())
    other = logging.Handler()
    other.emit = lambda record: seen.append((record.msg, record.args, record.audit))
    logger.addHandler(other)
    logger.error("password=%s", "hunter2", extra={"audit": True})
    assert seen == [("password=%s", ("hunter2",), True)]


def test_many_threads_lose_no_record(made, logger, events):
    logger.addHandler(Handler())

    def work(number):
        for count in range(50):
            logger.warning("thread %d says %d", number, count)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({event["message"] for event in events()}) == 400


def test_through_a_queue_the_ids_are_those_of_the_request(made, app, logger, events):
    records = queue.SimpleQueue()
    front = logging.handlers.QueueHandler(records)
    front.addFilter(Filter())
    logger.addHandler(front)
    listener = logging.handlers.QueueListener(records, Handler())

    @app.get("/queued")
    def queued():
        sealtrail.actor(user_id="u1")
        try:
            raise KeyError("token=abcd1234abcd")  # noqa: TRY301 - caught on the spot
        except KeyError:
            logger.exception("broken")
        return "x"

    listener.start()
    app.test_client().get("/queued", headers={"X-Request-ID": "r-77"})
    listener.stop()
    found = events()
    logged = next(e for e in found if e["event.action"] == "log.error")
    served = next(e for e in found if e["event.action"] == "http.request")
    for name in ("http.request.id", "trace.id", "span.id", "user.id"):
        assert logged[name] == served[name]
    assert logged["http.request.id"] == "r-77"
    assert logged["error.type"] == "KeyError"
    assert "abcd1234abcd" not in str(found)


def test_a_listener_that_does_not_ask_for_the_level_is_not_needed(made, logger, events):
    record = logger.makeRecord("x", logging.ERROR, "f", 1, "m", (), None)
    Handler(logging.CRITICAL).handle(record)
    assert events() == []


def test_a_filter_of_the_handler_decides(made, logger, events):
    handler = Handler()
    handler.addFilter(lambda record: "yes" in record.getMessage())
    logger.addHandler(handler)
    logger.error("no")
    logger.error("yes")
    assert [event["message"] for event in events()] == ["yes"]


def test_what_sealtrail_itself_says_does_not_go_round(made, events):
    own = logging.getLogger("sealtrail")
    handler = Handler()
    own.addHandler(handler)
    try:
        own.warning("the spool cannot be written")
    finally:
        own.removeHandler(handler)
    assert events() == []


def test_a_value_that_logs_while_it_is_recorded_ends(made, logger, events):
    class Loud:
        def __str__(self):
            logger.error("I was looked at")
            return "loud"

    logger.addHandler(Handler())
    logger.error("outer", extra={"thing": Loud()})
    assert "outer" in [event["message"] for event in events()]


class _Explosive:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("%d", ("x",)),
        ("%s %s", ("one",)),
        (_Explosive(), ()),
        ("%s", (_Explosive(),)),
        ("\ud800 \x1b[31m \u2028", ()),
        (b"\xff", ()),
        ("x" * 100_000, ()),
        (None, None),
    ],
)
def test_no_record_raises(made, logger, events, message, args):
    logging.raiseExceptions, before = True, logging.raiseExceptions
    try:
        record = logger.makeRecord("x\udfff", logging.ERROR, "f", 1, message, args, (None, _Explosive(), 3))
        record.created = float("inf")
        record.odd = _Explosive()
        assert Handler().handle(record)
    finally:
        logging.raiseExceptions = before
    assert len(events()) == 1
    assert made.errors == 0


def test_a_disk_that_fails_is_counted_and_warned_of_without_a_lock_being_waited_for(made, logger, tmp_path):
    """The warning goes to the same handlers as everything, from under the spool's lock."""
    (tmp_path / "file").write_text("")
    made.spool.folder = tmp_path / "file" / "below"
    root = logging.getLogger()
    handler = Handler()
    root.addHandler(handler)
    logger.propagate = True
    try:
        done = []

        def work():
            for _ in range(20):
                logger.error("lost")
            done.append(1)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        root.removeHandler(handler)
    assert done == [1] * 4
    assert made.spool.failed == 80


def test_a_handler_that_records_under_its_own_lock_and_the_spools_warning_do_not_wait_for_each_other(
    made, logger, tmp_path
):
    """As a formatter of structlog's does, whose chain records."""
    made.spool.folder = tmp_path / "file" / "below"
    (tmp_path / "file").write_text("")
    inside, warned = threading.Event(), []

    class Locked(logging.Handler):
        def emit(self, record):
            if record.name == "sealtrail":
                warned.append(record.getMessage())
                return
            inside.set()
            sealtrail.audit("under.a.lock")

    root, handler = logging.getLogger(), Locked()
    slow = threading.Event()

    class Spying(logging.Filter):
        def filter(self, record):
            slow.set()
            return inside.wait(20)  # the other thread is in its handler, and holds that lock

    logging.getLogger("sealtrail").addFilter(spy := Spying())
    root.addHandler(handler)
    logger.propagate = True
    try:
        first = threading.Thread(target=sealtrail.audit, args=("a.b",), daemon=True)
        first.start()
        assert slow.wait(20)
        second = threading.Thread(target=logger.error, args=("x",), daemon=True)
        second.start()
        second.join(20)
        first.join(20)
        assert not first.is_alive()
        assert not second.is_alive()
    finally:
        root.removeHandler(handler)
        logging.getLogger("sealtrail").removeFilter(spy)
    assert len(warned) == 1


def test_a_level_that_is_none_is_refused_at_the_start():
    with pytest.raises(UsageError):
        Handler(from_level="loudest")
