"""What a transaction of Django's leaves on record, whoever ends it and however."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager, suppress

import pytest

from sealtrail.capture import context, recorder
from sealtrail.errors import BusyError


@contextmanager
def rolled_back(using="default"):
    from django.db import transaction

    with suppress(KeyError), transaction.atomic(using=using):
        yield
        raise KeyError


@pytest.fixture
def made(shop, spool, monkeypatch):
    from django.db import connections

    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    token = context.current.set(None)
    yield made
    for connection in connections.all():
        for model in (shop.Tag, shop.Bar, shop.Place):
            model.objects.using(connection.alias).all().delete()
    context.current.reset(token)
    made.spool.close()


@pytest.fixture
def listening(made):
    """Changes are recorded: `listening(required=True)`."""
    from sealtrail.django.models import Models

    begun = []

    def listening(**given):
        begun.append(Models(["auth.Place", "auth.Bar", "auth.Tag"], **given))
        begun[-1].listen()

    yield listening
    for models in begun:
        models.remove()


@pytest.fixture
def told(events):
    return lambda: [
        (e["event.action"].removeprefix("auth_"), e.get("sealtrail.target.id", ""), e["event.outcome"])
        for e in events()
    ]


@pytest.fixture
def full(monkeypatch):
    """`full(n)`: the disk is full after n more writes, until the end of a `with`."""

    @contextmanager
    def full(after=0):
        left, write = [None] * after, os.write

        def refuse(descriptor, data):
            if not left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left.pop()
            return write(descriptor, data)

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            yield

    return full


def test_a_required_change_is_on_record_before_the_commit(listening, shop, told, events):
    from django.db import transaction

    listening(required=True, fsync=True)
    with transaction.atomic():
        place = shop.Place.objects.create(name="a")
        assert told() == []
    key = str(place.pk)
    assert told() == [("place.create", key, "unknown"), ("place.create", key, "success")]
    intent, end = events()
    assert (intent["event.type"], end["sealtrail.intent"]) == (["start"], intent["event.id"])


def test_what_cannot_be_recorded_is_not_committed(listening, shop, told, full):
    from django.db import connection, transaction

    listening(required=True)
    ran = []

    def act():
        with transaction.atomic():
            transaction.on_commit(lambda: ran.append("hook"))
            shop.Place.objects.create(name="a")
            shop.Place.objects.create(name="b")

    with full(after=1), pytest.raises(BusyError):
        act()
    assert not shop.Place.objects.exists()
    assert (ran, connection.run_on_commit, connection.get_autocommit()) == ([], [], True)
    assert [(action, outcome) for action, _, outcome in told()][:1] == [("place.create", "unknown")]
    assert "success" not in {outcome for _, _, outcome in told()}
    act()
    assert (shop.Place.objects.count(), ran) == (2, ["hook"])


@pytest.mark.parametrize(
    "what", ["create", "save", "update", "bulk_create", "bulk_update", "delete", "raw", "add"]
)
def test_without_a_transaction_nothing_is_done_that_cannot_be_recorded(listening, shop, full, what):
    from django.db import connection

    place, tag = shop.Place.objects.create(name="a"), shop.Tag.objects.create(key="t")
    listening(required=True)
    renamed = shop.Place(pk=place.pk, name="b", seen=1)
    renamed._state.adding = False
    acts = {
        "create": lambda: shop.Place.objects.create(name="b"),
        "save": renamed.save,
        "update": lambda: shop.Place.objects.filter(name="a").update(name="b"),
        "bulk_create": lambda: shop.Place.objects.bulk_create([shop.Place(name="b")]),
        "bulk_update": lambda: shop.Place.objects.bulk_update([renamed], ["name"]),
        "delete": place.delete,
        "raw": lambda: connection.cursor().execute("UPDATE auth_place SET name = %s", ["b"]),
        "add": lambda: tag.places.add(place),
    }
    with full(), pytest.raises(BusyError):
        acts[what]()
    assert [p.name for p in shop.Place.objects.all()] == ["a"]
    assert not tag.places.exists()
    acts[what]()
    assert [p.name for p in shop.Place.objects.all()] != ["a"] or tag.places.exists()


def test_without_a_transaction_it_is_announced_and_ended(listening, shop, told):
    listening(required=True)
    place = shop.Place.objects.create(name="a")
    key = str(place.pk)
    place.seen = 1
    place.save()
    shop.Place.objects.update(name="b")
    assert told() == [
        ("place.create", "", "unknown"),
        ("place.create", key, "success"),
        ("place.update", key, "unknown"),
        ("place.update", key, "success"),
        ("place.update", "", "unknown"),
        ("place.update", "", "success"),
    ]


def test_what_the_database_refuses_is_taken_back(listening, shop, told, events):
    from django.db import DatabaseError, IntegrityError, connection

    shop.Tag.objects.create(key="t")
    listening(required=True)
    with pytest.raises(IntegrityError):
        shop.Tag.objects.create(key="t")
    with pytest.raises(DatabaseError):
        connection.cursor().execute("UPDATE auth_place SET nothing = 1")
    assert [outcome for *_, outcome in told()] == ["unknown", "failure"] * 2
    assert events()[0]["event.id"] == events()[1]["sealtrail.intent"]


def test_a_commit_that_the_database_refuses_takes_the_announcements_back(listening, shop, told):
    from django.db import IntegrityError, transaction

    listening(required=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        shop.Tag.objects.create(key="a", main_id=4711)  # checked at the commit
    assert [outcome for *_, outcome in told()] == ["unknown", "failure"]
    assert not shop.Tag.objects.exists()


@pytest.mark.parametrize("required", [False, True])
def test_only_what_is_committed_is_recorded(listening, shop, told, required):
    from django.db import transaction

    listening(required=required)
    with transaction.atomic():
        shop.Tag.objects.create(key="kept")
        with rolled_back():
            shop.Tag.objects.create(key="undone")
            with transaction.atomic():
                shop.Tag.objects.create(key="undone too")
        by_hand = transaction.savepoint()
        shop.Tag.objects.filter(key="kept").update(data={"a": 1})
        transaction.savepoint_rollback(by_hand)
        shop.Tag.objects.create(key="after")
        transaction.savepoint_commit(by_hand)
    with rolled_back():
        shop.Tag.objects.create(key="never")
    assert [t for t in told() if t[2] != "unknown"] == [
        ("tag.create", "kept", "success"),
        ("tag.create", "after", "success"),
    ]
    assert [t.key for t in shop.Tag.objects.order_by("key")] == ["after", "kept"]


def test_transactions_that_are_managed_by_hand_are_recorded_as_well(listening, shop, told, made, monkeypatch):
    from django.db import transaction

    listening(required=True)
    transaction.set_autocommit(False)
    try:
        shop.Tag.objects.create(key="a")
        transaction.rollback()
        shop.Tag.objects.create(key="b")
        assert told() == []
        transaction.commit()
        shop.Tag.objects.create(key="c")
        with monkeypatch.context() as patch:
            patch.setattr(made.spool, "write", lambda *_, **__: False)
            with pytest.raises(BusyError):
                transaction.commit()
        with transaction.atomic():
            shop.Tag.objects.create(key="d")
    finally:
        transaction.set_autocommit(True)  # which commits
    assert [t for t in told() if t[2] == "success"] == [
        ("tag.create", "b", "success"),
        ("tag.create", "d", "success"),
    ]
    assert [t.key for t in shop.Tag.objects.order_by("key")] == ["b", "d"]


def test_each_database_has_transactions_of_its_own(listening, shop, told):
    from django.db import transaction

    listening(required=True)
    with transaction.atomic():
        shop.Tag.objects.create(key="here")
        with rolled_back("other"):
            shop.Tag.objects.using("other").create(key="undone")
        with transaction.atomic(using="other"):
            shop.Tag.objects.using("other").create(key="there")
        assert [key for _, key, outcome in told() if outcome == "success"] == ["there"]
    assert [key for _, key, outcome in told() if outcome == "success"] == ["there", "here"]


def test_a_connection_that_is_closed_within_a_transaction_leaves_nothing(listening, shop, told):
    from django.db import connection

    listening()
    with rolled_back():
        shop.Tag.objects.create(key="a")
        connection.close()
    shop.Tag.objects.create(key="b")
    assert told() == [("tag.create", "b", "success")]


def test_a_test_case_that_runs_what_waits_for_a_commit_has_its_changes_recorded(listening, shop, told):
    from django.db import transaction
    from django.test import TestCase

    listening()
    with transaction.atomic():
        with TestCase.captureOnCommitCallbacks(execute=True):
            shop.Tag.objects.create(key="a")
        assert told() == [("tag.create", "a", "success")]
        transaction.set_rollback(True)
    assert len(told()) == 1


def test_what_cannot_be_read_is_not_committed_where_it_is_required(listening, shop, monkeypatch):
    from django.db import transaction

    listening(required=True)
    with monkeypatch.context() as patch:
        patch.setattr("sealtrail.django.rows.held", lambda *_: 1 / 0)
        with pytest.raises(BusyError), transaction.atomic():
            shop.Place.objects.create(name="a")
        with pytest.raises(BusyError):
            shop.Place.objects.create(name="b")
    assert not shop.Place.objects.exists()
    shop.Place.objects.create(name="c")


def test_our_own_fault_costs_the_application_nothing_unless_it_is_required(listening, shop, monkeypatch):
    listening()
    monkeypatch.setattr("sealtrail.django.rows.held", lambda *_: 1 / 0)
    shop.Place.objects.create(name="a")
    assert shop.Place.objects.exists()


def test_a_wrapper_of_the_applications_takes_off_only_itself(listening, shop, told):
    from django.db import connection

    connection.close()
    listening()
    with connection.execute_wrapper(lambda execute, *given: execute(*given)):
        shop.Tag.objects.create(key="a")  # connects within it
    shop.Tag.objects.update(data={"a": 1})
    assert [action for action, *_ in told()] == ["tag.create", "tag.update"]


def test_the_first_statement_of_a_connection_is_announced_as_well(listening, shop, full):
    from django.db import connection

    listening(required=True)
    raised = []

    def work():
        try:
            shop.Place.objects.create(name="a")
        except BusyError as error:
            raised.append(error)
        finally:
            connection.close()

    with full():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(raised) == 1
    assert not shop.Place.objects.exists()
