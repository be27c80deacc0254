from __future__ import annotations

import pytest

from sealtrail.capture import context, recorder
from sealtrail.django.middleware import SealtrailMiddleware


@pytest.fixture
def django_queries(project):
    """Counts queries as Django does."""
    from django.test import TestCase

    return TestCase().assertNumQueries


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


@pytest.fixture
def listening(shop, spool, monkeypatch):
    """Listens as `listening(["auth.Place"], old="loaded")` until the end."""
    from django.db import transaction

    from sealtrail.django.models import Models

    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    token, begun = context.current.set(None), []

    def listening(labels, **given):
        begun.append(Models(labels, **given))
        begun[-1].listen()

    yield listening
    for models in begun:
        models.remove()
    with transaction.atomic():
        for model in (shop.Tag, shop.Bar, shop.Place):
            model.objects.all().delete()
    context.current.reset(token)
    made.spool.close()


@pytest.fixture
def changes(events):
    """(action, what changed) of every event."""
    return lambda: [
        (
            e["event.action"].removeprefix("auth_"),
            {c["path"]: (c.get("old"), c.get("new")) for c in e.get("sealtrail.change", ())},
        )
        for e in events()
    ]


def test_a_save_that_fails_before_its_statement_hides_no_later_one(listening, shop, changes):
    place = shop.Place.objects.create(name="a")
    listening(["auth.Place"])
    place.seen = "not a number"
    with pytest.raises(ValueError, match="number"):
        place.save()
    for _ in range(2):
        shop.Place.objects.update(seen=7)
    assert [action for action, _ in changes()] == ["place.update"] * 2


def test_old_values_are_those_that_are_overwritten(listening, shop, changes, django_queries):
    place = shop.Place.objects.create(name="a")
    shop.Place.objects.update(name="b")  # by somebody else
    listening(["auth.Place"])
    place.name = "c"
    with django_queries(2):
        place.save()
    place.name = "never stored"
    place.delete()
    (_, updated), (action, deleted) = changes()
    assert updated == {"name": ("b", "c")}
    assert (action, deleted["name"]) == ("place.delete", ("c", None))


def test_old_values_that_were_loaded_cost_no_query(listening, shop, changes, django_queries):
    from django.db.models import F

    shop.Place.objects.create(name="a")
    listening(["auth.Place"], old="loaded")
    place = shop.Place.objects.get()
    shop.Place.objects.update(name="b")
    del place.__dict__["seen"]
    place.refresh_from_db(fields=["seen"])
    place.name, place.seen = "c", F("seen") + 1
    with django_queries(1):
        place.save()
    place.refresh_from_db()
    place.seen = 5
    place.save()
    lazy = shop.Place.objects.only("id").get()
    lazy.name = "d"
    with django_queries(1):
        lazy.save(update_fields=["name"])
    assert changes()[1:] == [
        ("place.update", {"name": ("a", "c"), "seen": (0, "F(seen) + Value(1)")}),
        ("place.update", {"seen": (1, 5)}),
        ("place.update", {"name": (None, "d")}),
    ]


def test_what_was_loaded_is_not_what_is_stored_once_it_was_rolled_back(listening, shop, changes):
    from django.db import transaction

    place = shop.Place.objects.create(name="a")
    listening(["auth.Place"], old="loaded")
    place = shop.Place.objects.get()
    with transaction.atomic():
        place.name = "b"
        place.save()
        transaction.set_rollback(True)
    place.save()
    ((action, change),) = changes()
    assert (action, change["name"]) == ("place.update", (None, "b"))


def test_a_row_that_is_saved_under_a_key_of_its_own_is_an_update_if_it_was_there(listening, shop, changes):
    shop.Tag.objects.create(key="t", data={"a": 1})
    listening(["auth.Tag"])
    shop.Tag(key="t", data={"a": 2}).save()
    shop.Tag(key="u").save()
    assert changes()[0] == ("tag.update", {"data.a": (1, 2)})
    assert [action for action, _ in changes()] == ["tag.update", "tag.create"]


def test_what_a_model_inherits_and_its_proxies_are_its_own(listening, shop, changes):
    place = shop.Place.objects.create(name="p")
    listening(["auth.Bar", "auth.Place"], exclude=["auth.Place.seen"])
    bar = shop.Bar.objects.create(name="a", licence="x")
    bar.name = "b"
    bar.save()
    shop.Bar.objects.update(name="c")  # of the table it inherits from
    inn = shop.Inn.objects.get(pk=place.pk)
    inn.name = "q"
    inn.save()
    inn.seen = 1
    inn.save()
    assert [action for action, _ in changes()] == [
        "bar.create",
        "bar.update",
        "place.update",
        "place.update",
    ]
    assert changes()[1][1] == {"name": ("a", "b")}
    assert changes()[3][1] == {"name": ("p", "q")}


def test_a_deletion_takes_all_that_hangs_on_it_along(listening, shop, changes):
    place = shop.Place.objects.create(name="a")
    tag = shop.Tag.objects.create(key="t", main=place)
    tag.places.add(place)
    listening(["auth.Place", "auth.Tag"])
    place.delete()
    found = sorted(action for action, _ in changes())
    assert found == ["place.delete", "tag.update", "tag_places.delete"]


def test_statements_by_hand_are_found_however_they_name_a_table(listening, shop, changes):
    from django.db import connection

    listening(["auth.Place"])
    with connection.cursor() as cursor:
        cursor.execute("insert into MAIN.Auth_Place (name, seen) values ('x', 1)")
        cursor.executemany("UPDATE auth_place SET name = %s", [("a",), ("b",)])
    assert [action for action, _ in changes()] == ["place.create", "place.update"]


def test_models_that_are_not_named_are_deleted_as_fast_as_ever(listening, shop, django_queries):
    place = shop.Place.objects.create(name="p")
    listening(["auth.Group"])
    with django_queries(1):
        shop.Place.objects.filter(pk=place.pk)._raw_delete("default")


@pytest.mark.parametrize("given", [{"old": "older"}, {"exclude": ["auth.Nothing"]}])
def test_what_is_no_choice_is_refused(project, given):
    from sealtrail.django.models import Models
    from sealtrail.errors import UsageError

    with pytest.raises(UsageError):
        Models("all", **given).listen()


def test_two_that_wish_the_same_record_it_once_and_another_takes_their_place(listening, shop, changes):
    listening(["auth.Place"])
    listening(["auth.Place"])
    shop.Place.objects.bulk_create([shop.Place(name="a")])
    assert [action for action, _ in changes()] == ["place.create"]
    listening(["auth.Place", "auth.Tag"])
    shop.Place.objects.update(name="b")
    shop.Tag.objects.create(key="t")
    assert [action for action, _ in changes()] == ["place.create", "place.update", "tag.create"]


def test_a_row_between_two_others_that_is_made_as_such_is_recorded(listening, shop, changes):
    place, tag = shop.Place.objects.create(name="p"), shop.Tag.objects.create(key="t")
    listening(["auth.Tag"])
    through = shop.Tag.places.through
    through.objects.create(tag=tag, place=place)
    through.objects.all().delete()
    assert [action for action, _ in changes()] == ["tag_places.create", "tag_places.delete"]
