"""How a listing finds its entries without looking at everything."""

from __future__ import annotations

import pytest

from sealtrail.errors import QueryError, UsageError
from sealtrail.event import Batch, Entry
from sealtrail.store import answers
from sealtrail.store.answers import Answers
from sealtrail.store.columnar import ColumnarStore, Limits
from sealtrail.store.query import All, parse
from sealtrail.store.query.times import MINUTE, stamp


@pytest.fixture
def store(tmp_path):
    made = ColumnarStore.open(tmp_path / "store", limits=Limits(segment_rows=10))
    for first in range(0, 60, 10):
        entries = tuple(
            Entry("access", i, b"", {"@timestamp": stamp(i // 2 * MINUTE), "shop.a": i % 2 or "x"})
            for i in range(first, first + 10)
        )
        made.handle(Batch(entries, {"access": first}, {"access": first + 10}))
    yield made
    made.close()


def _looked_at(store, monkeypatch, **asked):
    """The files that a listing opened, newest question last."""
    seen = []
    real = Answers._source

    def watch(self, segments, *, live):
        seen.extend(segment.file for segment in segments)
        return real(self, segments, live=live)

    monkeypatch.setattr(Answers, "_source", watch)
    monkeypatch.setattr(answers, "_FIRST_ROWS", 10)
    hits = store.search(All(), **asked)
    return len(seen), [hit.index for hit in hits]


def test_the_newest_entries_come_from_the_newest_segments_alone(store, monkeypatch):
    assert _looked_at(store, monkeypatch, limit=5) == (1, [59, 58, 57, 56, 55])


def test_the_oldest_entries_come_from_the_oldest_segments_alone(store, monkeypatch):
    assert _looked_at(store, monkeypatch, limit=5, newest_first=False) == (1, [0, 1, 2, 3, 4])


def test_segments_outside_the_period_are_not_opened(store, monkeypatch):
    opened, indexes = _looked_at(store, monkeypatch, limit=50, since=10 * MINUTE, until=12 * MINUTE)
    assert (opened, indexes) == (1, [23, 22, 21, 20])


def test_equal_times_across_segments_are_not_cut_by_the_first_full_list(store, monkeypatch):
    # The edge of the next segment is as old as the last of the list: it must be looked at too.
    late = Entry("audit", 0, b"", {"@timestamp": stamp(25 * MINUTE)})
    store.handle(Batch((late,), {"audit": 0}, {"audit": 1}))
    store.flush()
    opened, _ = _looked_at(store, monkeypatch, limit=10)
    assert opened >= 2
    addresses = [hit.address for hit in store.search(All(), limit=11)]
    assert addresses[8:] == ["audit/0", "access/51", "access/50"]


def test_more_than_can_be_held_is_refused_with_the_limit(store):
    with pytest.raises(UsageError, match="10,000"):
        store.search(All(), limit=answers.MAX_HITS + 1)
    with pytest.raises(UsageError, match="10,000"):
        store.count_by(All(), "user.id", limit=answers.MAX_VALUES + 1)
    with pytest.raises(UsageError):
        store.search(All(), limit=-1)


def test_too_many_periods_are_refused(store, monkeypatch):
    monkeypatch.setattr(answers, "MAX_PERIODS", 29)
    with pytest.raises(QueryError) as caught:
        store.histogram(All(), MINUTE)
    assert caught.value.code == "query.too-large"
    with pytest.raises(UsageError):
        store.histogram(All(), 0)


def test_values_without_a_column_keep_their_types(store):
    assert store.count_by(All(), "shop.a") == [("x", 30), (1, 30)]
    assert store.count_by(parse("shop.a:1"), "shop.a") == [(1, 30)]
