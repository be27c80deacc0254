from __future__ import annotations

import pytest

from sealtrail.capture import context, recorder
from sealtrail.django.middleware import SealtrailMiddleware


@pytest.fixture
def told(project, spool, events, monkeypatch):
    """Changes of all models are recorded; (action, id of the target) of every event."""
    from django.contrib.auth.models import Group, User

    from sealtrail.django.models import Models

    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    token = context.current.set(None)
    models = Models("all")
    models.listen()
    models.listen()
    yield lambda: [(e["event.action"], e.get("sealtrail.target.id", "")) for e in events()]
    models.remove()
    User.objects.exclude(username="alice").delete()
    Group.objects.all().delete()
    context.current.reset(token)
    made.spool.close()


def test_an_object_is_recorded_with_what_was_and_what_is(told, events):
    from django.contrib.auth.models import User

    user = User.objects.create(username="bert", password="old-secret-1")
    user = User.objects.get(pk=user.pk)
    user.first_name, user.password = "Bert", "new-secret-2"
    user.save()
    user.save(update_fields=["last_name"])
    key = str(user.pk)
    user.delete()
    created, updated, deleted = (e for e in events() if e["sealtrail.target.type"] == "auth_user")
    assert told()[:2] == [("auth_user.create", key), ("auth_user.update", key)]
    assert {"path": "username", "new": "bert"} in created["sealtrail.change"]
    assert updated["sealtrail.change"] == [
        {"path": "password", "old": "[redacted:password]", "new": "[redacted:password]"},
        {"path": "first_name", "old": "", "new": "Bert"},
    ]
    assert {"path": "first_name", "old": "Bert"} in deleted["sealtrail.change"]
    assert "secret-" not in str(events())


def test_what_is_rolled_back_is_not_recorded(told):
    from django.contrib.auth.models import Group
    from django.db import transaction

    with transaction.atomic():
        kept = Group.objects.create(name="kept")
        with transaction.atomic():
            Group.objects.create(name="undone")
            Group.objects.filter(name="kept").update(name="other")
            transaction.set_rollback(True)
        assert told() == []
    with transaction.atomic():
        Group.objects.create(name="never")
        transaction.set_rollback(True)
    assert told() == [("auth_group.create", str(kept.pk))]


def test_what_no_signal_tells_of_is_recorded_as_bulk(told, events):
    from django.contrib.auth.models import Group

    Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    Group.objects.filter(name="a").update(name="c")
    created, updated = events()
    assert (created["event.action"], created["sealtrail.details"]["rows"]) == ("auth_group.create", 2)
    assert (updated["event.action"], updated["sealtrail.details"]["rows"]) == ("auth_group.update", 1)
    assert "WHERE" in updated["sealtrail.details"]["statement"]


def test_who_belongs_to_whom_is_recorded_pair_by_pair(told):
    from django.contrib.auth.models import Group, User

    user, group = User.objects.create(username="u"), Group.objects.create(name="g")
    before = len(told())
    user.groups.add(group)
    group.user_set.remove(user)
    user.groups.clear()
    pair = f"{user.pk},{group.pk}"
    assert told()[before:] == [
        ("auth_user_groups.create", pair),
        ("auth_user_groups.delete", pair),
        ("auth_user_groups.delete", str(user.pk)),
    ]


def test_a_statement_that_fails_hides_no_later_one(told):
    from django.contrib.auth.models import Group
    from django.db import IntegrityError

    Group.objects.create(name="a")
    with pytest.raises(IntegrityError):
        Group.objects.create(name="a")
    Group.objects.filter(name="a").update(name="b")
    assert [action for action, _ in told()] == ["auth_group.create", "auth_group.update"]


def test_models_may_be_named_in_the_setting(project, spool, monkeypatch, events):
    from django.conf import settings
    from django.contrib.auth.models import Group, User

    from sealtrail.django import models

    made = []
    listen = models.Models.listen
    monkeypatch.setattr(models.Models, "listen", lambda self: (made.append(self), listen(self)))
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setattr(
        settings, "SEALTRAIL", {"spool": str(spool), "audit_models": ["auth.Group"]}, raising=False
    )
    SealtrailMiddleware(lambda _: None)
    try:
        User.objects.create(username="x").delete()
        Group.objects.create(name="x").delete()
    finally:
        made[0].remove()
    assert [e["event.action"] for e in events()] == ["auth_group.create", "auth_group.delete"]
