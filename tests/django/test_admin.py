"""The admin's log outside of a request, undone, and not there; tests/journeys has the admin itself."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def listening(spool, monkeypatch):
    from sealtrail.capture import recorder
    from sealtrail.django import admin

    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    admin.listen()
    admin.listen()
    yield made
    made.spool.close()


def log(flag: int, names: list[str], message: object = ""):
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth.models import Group, User

    groups = [Group.objects.get_or_create(name=name)[0] for name in names]
    alice = User.objects.get(username="alice")
    return LogEntry.objects.log_actions(alice.pk, groups, flag, message)


def acts(events) -> list[tuple[str, str]]:
    return [(event["event.action"], event["sealtrail.target.name"]) for event in events()]


def test_outside_of_a_request_it_is_the_entrys_user_who_acts(listening, events) -> None:
    log(2, ["a"], [{"changed": {"fields": ["Name"]}}])
    log(3, ["a", "b"])
    assert acts(events) == [("group.update", "a"), ("group.delete", "a"), ("group.delete", "b")]
    assert {event["user.id"] for event in events()} == {"1"}


def test_what_is_rolled_back_was_not_done(listening, events) -> None:
    from django.db import transaction

    with transaction.atomic():
        log(1, ["a"])
        log(1, ["a", "b"])
        transaction.set_rollback(True)
    assert events() == []


@pytest.mark.parametrize(("message", "told"), [("by hand", "by hand"), ("[no json", "[no json"), ("", None)])
def test_a_message_may_be_any_text(listening, events, message, told) -> None:
    log(1, ["a"], message)
    assert events()[0]["sealtrail.details"].get("message") == told


def test_a_fault_of_ours_never_reaches_the_admin(listening, events, monkeypatch) -> None:
    from sealtrail.django import admin

    monkeypatch.setattr(admin, "_message", lambda _: 1 / 0)
    assert len(log(1, ["a"], "added")) == 1
    assert (events(), listening.errors) == ([], 1)
