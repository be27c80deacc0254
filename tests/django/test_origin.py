"""Whose a statement is, by who calls it."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def origins(shop):
    """The origin of each statement that changes something, in a transaction that is rolled back."""
    from django.db import connection, transaction

    from sealtrail.django.origin import of

    seen = []

    def around(execute, sql, *given):
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            seen.append(of(sys._getframe()))
        return execute(sql, *given)

    with transaction.atomic(), connection.execute_wrapper(around):
        yield seen
        transaction.set_rollback(True)


def test_a_save_names_its_object(origins, shop):
    bar = shop.Bar.objects.create(name="a")
    assert [(o.kind, o.instance) for o in origins] == [("save", bar)] * 2


def test_deletions_pairs_and_the_rest_are_told_apart(origins, shop):
    place, tag = shop.Place.objects.create(name="a"), shop.Tag.objects.create(key="t")
    del origins[:]
    tag.places.add(place)
    tag.places.remove(place)
    tag.places.clear()
    assert {o.kind for o in origins} == {"pairs"}
    del origins[:]
    shop.Tag.objects.filter(key="t").delete()
    assert {o.kind for o in origins} == {"delete"}
    del origins[:]
    shop.Place.objects.update(name="b")
    shop.Place.objects.bulk_create([shop.Place(name="c")])
    assert {o.kind for o in origins} == {"other"}


def test_what_a_listener_does_during_a_save_is_its_own(origins, shop):
    from django.db.models.signals import pre_save

    def listener(**_):
        shop.Tag.objects.bulk_create([shop.Tag(key="t")])

    pre_save.connect(listener, sender=shop.Place)
    try:
        shop.Place.objects.create(name="a")
    finally:
        pre_save.disconnect(listener, sender=shop.Place)
    assert [o.kind for o in origins] == ["other", "save"]


def test_without_a_frame_it_is_nobodys():
    from sealtrail.django.origin import of

    assert of(None) == ("other", None)
