"""Where an act happens, and the events that are made of it before anything is written."""

from __future__ import annotations

import pytest

import sealtrail
from sealtrail.capture.audit.here import Here, act_of, put_target, secret_text


def test_an_act_outside_of_any_request_is_by_nobody_and_from_nowhere(made):
    event = act_of(Here(), "invoice.delete", "success", None)
    assert (event.user_id, event.client_ip, event.request_id) == ("anonymous", "", "")


def test_an_act_is_by_whom_the_application_named(made):
    with sealtrail.actor(user_id="u1", roles=["admin"], tenant="acme"):
        event = act_of(Here(), "invoice.delete", "success", None)
    assert (event.user_id, event.user_roles, event.tenant) == ("u1", ("admin",), "acme")


@pytest.mark.parametrize(
    ("action", "category", "kind"),
    [
        ("user.role.update", ("iam",), ("change",)),
        ("feature.enable", ("configuration",), ("change",)),
        ("invoice.delete", ("api",), ("deletion",)),
        ("report.export", ("api",), ("access",)),
        ("something", ("api",), ("info",)),
        ("user_created", ("iam",), ("creation",)),
        ("user_deleted", ("iam",), ("deletion",)),
        ("privilege_permissions_changed", ("iam",), ("change",)),
        ("sensitive_read", ("api",), ("access",)),
    ],
)
def test_the_words_of_an_action_give_its_category_and_type(made, action, category, kind):
    event = act_of(Here(), action, "success", None)
    assert (event.category, event.type) == (category, kind)


def test_what_belongs_to_the_collector_is_not_taken_from_an_application(made):
    here = Here()
    assert act_of(here, "sealtrail.prune", "success", None).action == "app.sealtrail.prune"
    assert here.marks.notes == ("event.action:reserved",)


@pytest.mark.parametrize("outcome", ["won", None, 3, ["success"]])
def test_an_outcome_that_is_none_becomes_unknown(made, outcome):
    here = Here()
    assert act_of(here, "a.b", outcome, None).outcome == "unknown"
    assert here.marks.notes == ("event.outcome:unknown",)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (("user", "42"), ("user", "42", "")),
        (["user", 42, "Ann"], ("user", "42", "Ann")),
        ("user", ("user", "", "")),
        ((), ("", "", "")),
        (None, ("", "", "")),
    ],
)
def test_a_target_has_type_id_and_name_as_far_as_it_says(made, target, parts):
    here = Here()
    event = act_of(here, "a.b", "success", None)
    put_target(event, target, here.marks)
    assert (event.target_type, event.target_id, event.target_name) == parts


def test_what_is_about_to_be_hashed_becomes_text_whatever_it_is():
    assert secret_text(b"\xff") == "\\xff"
    assert len(secret_text("x" * 9000)) == 4096
