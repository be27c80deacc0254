"""Log entries as events, before any bridge."""

from __future__ import annotations

import pytest

import sealtrail
from sealtrail.capture.entry import Entry, is_marked, level_of, named_level, write
from sealtrail.capture.traces import Ids
from sealtrail.errors import UsageError


def test_an_entry_is_an_event_of_the_audit_trail_with_level_and_logger(made, events):
    assert write(Entry(40, "the bank does not answer", "shop.pay", details={"tries": 3}))
    event = events()[0]
    assert event["sealtrail.kind"] == "audit"
    assert event["event.action"] == "log.error"
    assert event["event.outcome"] == "failure"
    assert event["event.severity"] == 75
    assert event["message"] == "the bank does not answer"
    assert (event["log.level"], event["log.logger"]) == ("error", "shop.pay")
    assert event["sealtrail.details"] == {"tries": 3}
    assert "user.id" not in event


def test_a_marked_entry_is_an_act(made, events):
    details = {"target": ("user", "42"), "change": [("role", "viewer", "admin")], "reason": "moved", "x": 1}
    with sealtrail.actor(user_id="u1"):
        write(Entry(20, "role changed", mark="user.role.update", details={**details, "ticket": "T-7"}))
    event = events()[0]
    assert event["event.action"] == "user.role.update"
    assert event["event.outcome"] == "success"
    assert event["event.category"] == ["iam"]
    assert (event["sealtrail.target.type"], event["sealtrail.target.id"]) == ("user", "42")
    assert event["sealtrail.change"] == [{"path": "role", "old": "viewer", "new": "admin"}]
    assert (event["event.reason"], event["sealtrail.ticket"], event["user.id"]) == ("moved", "T-7", "u1")
    assert event["sealtrail.details"] == {"x": 1}


@pytest.mark.parametrize(
    ("message", "action"),
    [("invoice.delete", "invoice.delete"), ("authn_login_fail", "authn_login_fail"), ("it went", "log.info")],
)
def test_a_message_that_is_a_name_names_a_marked_entry(made, events, message, action):
    write(Entry(20, message, mark=True))
    assert events()[0]["event.action"] == action


def test_an_unmarked_entry_keeps_what_only_looks_like_a_target_as_details(made, events):
    write(Entry(30, "slow", details={"target": "db-1", "reason": "load"}))
    event = events()[0]
    assert event["sealtrail.details"] == {"target": "db-1", "reason": "load"}
    assert "event.reason" not in event


def test_an_exception_says_its_class_and_a_text_without_secrets(made, events):
    write(Entry(40, "login broke", error=KeyError("password=hunter2")))
    event = events()[0]
    assert event["error.type"] == "KeyError"
    assert "hunter2" not in str(event)
    assert "[redacted:password]" in event["error.message"]


def test_secrets_go_from_message_details_and_logger_name(made, events):
    write(Entry(40, "token=abcdef123456", "x.password=abcdef123456", details={"password": "abcdef123456"}))
    assert "abcdef123456" not in str(events())


def test_a_long_message_is_cut_after_it_was_scrubbed(made, events):
    write(Entry(40, "password=hunter2 " * 2000))
    event = events()[0]
    assert 4000 < len(event["message"]) <= 8192
    assert "hunter2" not in event["message"]
    assert event["sealtrail.truncated"] == ["message"]
    assert event["sealtrail.redacted"] == ["message:password"]


def test_ids_that_came_with_an_entry_win(made, events):
    write(Entry(40, "late", ids=Ids("r1", "a" * 32, "b" * 16, "u9")))
    event = events()[0]
    assert (event["http.request.id"], event["trace.id"], event["span.id"], event["user.id"]) == (
        "r1",
        "a" * 32,
        "b" * 16,
        "u9",
    )


def test_ids_are_scrubbed_like_everything_that_an_application_says(made, events):
    write(Entry(40, "x", ids=Ids("password=hunter2", "token=hunter2", "s", "api_key=hunter2hunter2")))
    assert "hunter2" not in str(events())


def test_the_ticket_that_was_said_is_on_a_marked_entry(made, events):
    with sealtrail.ticket("OPS-7"):
        write(Entry(20, "user.lock", mark=True))
        write(Entry(20, "user.lock", mark=True, details={"ticket": "OPS-8"}))
        write(Entry(40, "only a log line"))
    assert [event.get("sealtrail.ticket") for event in events()] == ["OPS-7", "OPS-8", None]


def test_a_value_that_writes_an_entry_while_it_is_written_does_not_go_round(made, events):
    class Loud:
        def __str__(self) -> str:
            assert not write(Entry(50, "inner"))
            return "loud"

    assert write(Entry(40, "outer", details={"loud": Loud()}))
    assert [event["message"] for event in events()] == ["outer"]
    assert write(Entry(40, "after"))


def test_unmarked_entries_cannot_use_the_room_that_is_kept_for_acts(made, events):
    made.spool.limit_bytes, made.spool.reserve_bytes = 200_000, 200_000
    assert not write(Entry(50, "noise"))
    assert write(Entry(20, "invoice.delete", mark=True))


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (0, "debug"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (99, "critical"),
    ],
)
def test_a_level_has_the_name_of_the_one_below_it(level, name):
    assert named_level(level)[0] == name


def test_a_level_that_is_none_is_refused_when_the_bridge_is_made():
    with pytest.raises(UsageError, match="LOUD"):
        level_of("LOUD")
    assert level_of("warning") == 30
    assert level_of(None) > 10**9


def test_only_true_and_names_mark_an_entry():
    assert is_marked(True)
    assert is_marked("a.b")
    assert not any(map(is_marked, (None, False, "", 1, {}, [])))
