from __future__ import annotations

import pytest
from flask import Flask

import sealtrail
from sealtrail.capture.identity import sessions


@pytest.mark.parametrize(
    ("call", "action", "outcome", "kind"),
    [
        (sealtrail.session_created, "session_created", "success", "start"),
        (sealtrail.session_renewed, "session_renewed", "success", "info"),
        (sealtrail.session_expired, "session_expired", "success", "end"),
        (sealtrail.session_reused, "session_use_after_expire", "failure", "start"),
    ],
)
def test_a_session_is_followed_by_its_hash(made, events, call, action, outcome, kind):
    assert call("7", session="s-5f1c") is True
    sealtrail.login_succeeded("7", session="s-5f1c")
    event, login = events()
    assert (event["event.action"], event["event.outcome"], event["event.type"]) == (action, outcome, [kind])
    assert event["sealtrail.session.hash"] == login["sealtrail.session.hash"]


def test_impersonation_begins_and_ends_with_both_names_and_the_requests_between_say_so(app: Flask, events):
    def begin():
        sealtrail.actor("admin1")
        sealtrail.impersonation_started("7", reason="support", ticket="T-1")
        sealtrail.audit("invoice.read", target=("invoice", "3"))
        return "as 7"

    def end():
        sealtrail.actor("admin1", effective_id="7")
        sealtrail.impersonation_stopped()
        return "as myself"

    app.add_url_rule("/begin", "begin", begin)
    app.add_url_rule("/end", "end", end)
    app.test_client().get("/begin")
    app.test_client().get("/end")
    started, read, begun, stopped, ended = events()
    assert (started["event.action"], started["sealtrail.ticket"], started["event.reason"]) == (
        "impersonation.start",
        "T-1",
        "support",
    )
    assert (stopped["event.action"], stopped["event.type"]) == ("impersonation.stop", ["end"])
    for event in (started, read, begun, stopped):
        assert (event["user.id"], event["user.effective.id"]) == ("admin1", "7")
    assert ended["user.id"] == "admin1"
    assert "user.effective.id" not in ended


def test_a_fault_of_ours_is_counted_and_not_raised(made, monkeypatch):
    monkeypatch.setattr(sessions, "Acting", lambda *_: 1 / 0)
    assert sealtrail.impersonation_started("7") is False
    assert made.errors == 1
