"""Rows as they are stored, as they were loaded, and as a statement counts them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def undone(shop):
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_what_is_stored_is_read_for_the_columns_that_are_saved(shop):
    from sealtrail.django.rows import stored

    place = shop.Place.objects.create(name="a", seen=3)
    shop.Place.objects.update(name="b")
    assert stored(shop.Place, place, "default", only=["name"]) == {"name": "b"}
    assert stored(shop.Place, place, "default") == {"id": place.pk, "name": "b", "seen": 3}
    assert stored(shop.Place, shop.Place(name="c"), "default") is None
    assert stored(shop.Tag, shop.Tag(key="none"), "default") is None


def test_a_deferred_column_is_neither_read_nor_remembered(shop):
    from sealtrail.django.rows import Memory, held

    shop.Place.objects.create(name="a", seen=3)
    place = shop.Place.objects.defer("name").get()
    memory = Memory()
    memory.keep(place)
    assert held(place) == memory.of(place) == {"id": place.pk, "seen": 3}


def test_a_memory_follows_what_is_loaded_again_and_keeps_no_object(shop):
    import gc
    import weakref

    from django.db.models import F

    from sealtrail.django.rows import Memory

    shop.Tag.objects.create(key="t", data={"a": [1]})
    memory = Memory()
    memory.follow([shop.Tag])
    try:
        tag = shop.Tag.objects.get()
        memory.keep(tag)
        tag.data["a"].append(2)
        assert memory.of(tag)["data"] == {"a": [1]}
        shop.Tag.objects.update(data={"b": 1})
        tag.refresh_from_db()
        assert memory.of(tag)["data"] == {"b": 1}
        tag.data = F("key")
        memory.keep(tag, ["data"])
        assert memory.of(tag) == {"key": "t", "main_id": None}
    finally:
        memory.leave()
    assert "refresh_from_db" not in vars(shop.Tag)
    gone = weakref.ref(tag)
    del tag
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("sql", "params", "rowcount", "rows"),
    [
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s) RETURNING id", (1, 2, 3, 4), -1, 2),
        ("INSERT INTO t (a) SELECT b FROM u WHERE c = %s", (1,), 7, 7),
        ("INSERT INTO t DEFAULT VALUES", None, -1, 0),
    ],
)
def test_rows_are_counted_before_the_result_is_read(sql, params, rowcount, rows):
    from sealtrail.django.rows import count

    assert count(SimpleNamespace(rowcount=rowcount), sql, params, many=False) == rows


def test_a_driver_that_counts_late_is_asked_late():
    from sealtrail.django.rows import count

    cursor = SimpleNamespace(rowcount=0)
    counted = count(cursor, "UPDATE t SET a = 1 RETURNING id", (), many=False)
    assert counted() is None
    cursor.rowcount = 3
    assert counted() == 3


def test_a_key_that_is_a_secret_is_not_what_a_record_calls_its_row(project):
    from django.contrib.sessions.models import Session

    from sealtrail.capture.recorder import default
    from sealtrail.django.rows import identity

    assert identity(Session(session_key="s3cr3t")) == default().pseudonyms.of("session", "s3cr3t")


def test_a_statement_may_be_bytes_or_composed():
    from sealtrail.django.rows import statements

    composed = SimpleNamespace(as_string=lambda _: "DELETE FROM t")
    given = SimpleNamespace(connection=None)
    assert [statements(one, given)[0].table for one in (b"DELETE FROM t", composed, "DELETE FROM t")] == [
        "t"
    ] * 3
    assert statements(17, given) == []
