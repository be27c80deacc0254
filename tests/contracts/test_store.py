"""What every Store answers, whatever it keeps its entries in.

A store joins by a fixture value: a function that takes a folder and batches and gives a store that was fed.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sealtrail.errors import QueryError
from sealtrail.event import Batch, Entry, canonical, decode
from sealtrail.store.base import Place, Store
from sealtrail.store.columnar import ColumnarStore, Limits
from sealtrail.store.query import All, parse, predicate
from sealtrail.store.query.times import DAY, HOUR, MINUTE, span, stamp

START = span("2026-11-24").start
STATUS = "http.response.status_code"


def _event(number: int) -> dict:
    rng = random.Random(number)
    if number % 5 == 4:
        return {
            "@timestamp": stamp(START + number * MINUTE),
            "sealtrail.kind": "authentication",
            "event.action": "authn_login_fail",
            "event.reason": rng.choice(["bad_password", "account locked by admin"]),
            "client.ip": f"10.0.0.{number % 7}",
            "event.ingested": stamp(START + 9 * HOUR),
        }
    return {
        # Thirty share one time: a tie must break the same way in every listing.
        "@timestamp": stamp(START + (30 if 30 <= number < 60 else number) * MINUTE),
        "sealtrail.kind": "request",
        "event.category": ["web", "api"],
        "user.id": f"u{number % 4}",
        "client.ip": "2001:db8::1" if number % 3 == 0 else f"10.0.{number % 2}.{number % 9}",
        "url.path": f"/orders/{number}",
        STATUS: 500 if number % 17 == 0 else 200,
        "shop.basket": {"items": number % 3, "tags": ["new", "gift"]} if number % 2 else number % 6,
        "event.ingested": stamp(START + 9 * HOUR),
    }


def _batches() -> tuple[list[Entry], list[Batch]]:
    places = {"access": 0, "audit": 0}
    entries: list[Entry] = []
    batches: list[Batch] = []
    for number in range(120):
        trail = "audit" if number % 5 == 4 else "access"
        line = canonical(_event(number))
        entries.append(Entry(trail, places[trail], line, decode(line)))
        before = dict(places)
        places[trail] += 1
        if number % 8 == 7:
            start = {trail: before[trail] for trail in before}
            batches.append(Batch(tuple(entries[number - 7 :]), start, dict(places)))
    return entries, batches


ENTRIES, BATCHES = _batches()
END = dict(BATCHES[-1].end)


def _live(folder) -> Store:
    store = ColumnarStore.open(folder)
    for batch in BATCHES:
        store.handle(batch)
    return store


def _segments(folder) -> Store:
    store = ColumnarStore.open(folder, limits=Limits(segment_rows=8))
    for batch in BATCHES:
        store.handle(batch)
    return store


def _merged(folder) -> Store:
    store = _segments(folder)
    while store.maintain(1.0):
        pass
    return store


def _mixed(folder) -> Store:
    store = ColumnarStore.open(folder, limits=Limits(segment_rows=24))
    for batch in BATCHES[:-2]:
        store.handle(batch)
    store.maintain(1.0)
    for batch in BATCHES[-2:]:
        store.handle(batch)
    return store


def _reader(folder) -> Store:
    writer = ColumnarStore.open(folder)
    for batch in BATCHES[:9]:
        writer.handle(batch)
    writer.flush()
    reader = ColumnarStore.open_reader(folder)
    for batch in BATCHES[9:]:
        reader.handle(batch)
    writer.close()
    return reader


MAKERS = [_live, _segments, _merged, _mixed, _reader]


def _name(make) -> str:
    return make.__name__.strip("_")


@pytest.fixture(scope="module", params=MAKERS, ids=_name)
def store(request, tmp_path_factory):
    """Shared by the tests that only ask."""
    made = request.param(tmp_path_factory.mktemp("asked") / "store")
    yield made
    made.close()


@pytest.fixture(params=MAKERS, ids=_name)
def own_store(request, tmp_path):
    made = request.param(tmp_path / "store")
    yield made
    made.close()


def _order(entry: Entry) -> tuple[int, str, int]:
    return span(entry.fields["@timestamp"]).start, entry.trail, entry.index


def test_everything_is_found_once_newest_first_and_as_it_was_sealed(store):
    hits = store.search(All(), limit=1000)
    assert [(hit.time_us, hit.trail, hit.index) for hit in hits] == sorted(map(_order, ENTRIES), reverse=True)
    sealed = {entry.address: entry.fields for entry in ENTRIES}
    assert all(hit.fields == sealed[hit.address] for hit in hits)
    assert all(canonical(hit.fields) == canonical(sealed[hit.address]) for hit in hits)


def test_oldest_first_is_the_exact_reverse(store):
    forwards = store.search(All(), limit=1000, newest_first=False)
    assert forwards == store.search(All(), limit=1000)[::-1]


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_any_size_join_without_gap_or_repeat_even_where_times_are_equal(store, newest_first):
    whole = store.search(All(), limit=1000, newest_first=newest_first)
    paged = []
    after = None
    while page := store.search(All(), limit=7, newest_first=newest_first, after=after):
        paged += page
        after = page[-1].place
    assert paged == whole


def test_a_place_need_not_be_an_entry(store):
    hits = store.search(All(), limit=1000, after=Place(START + HOUR, "", 0))
    assert hits
    assert all(hit.time_us < START + HOUR for hit in hits)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "user.id:u1",
        "not user.id:u1",
        f"{STATUS}>=500 or sealtrail.kind:authentication",
        "client.ip:10.0.0.0/24",
        "client.ip:2001:db8::/32 and not url.path:/orders/1*",
        "event.reason:locked",
        "event.reason:lock",
        "ORDERS/11",
        "gift",
        "shop.basket.items>=1",
        "shop.basket:3",
        "shop.basket.tags:gift",
        "shop.basket:*",
        "event.category:api and user.id:*",
        "sealtrail.trail:audit and sealtrail.index<5",
        "@timestamp>=2026-11-24T01:00 and @timestamp<2026-11-24T01:20",
        "nothing-has-this",
    ],
)
def test_a_query_finds_what_its_predicate_says(store, text):
    query = parse(text)
    matches = predicate(query)
    wanted = {entry.address for entry in ENTRIES if matches(entry.fields, entry.trail, entry.index)}
    assert {hit.address for hit in store.search(query, limit=1000)} == wanted
    assert store.count(query) == len(wanted)


def test_a_period_holds_its_beginning_and_not_its_end(store):
    since, until = START + 60 * MINUTE, START + 61 * MINUTE
    hits = store.search(All(), since=since, until=until)
    assert [hit.time_us for hit in hits] == [since]
    assert store.count(All(), since=since, until=until) == 1
    assert store.count(All(), since=until, until=since) == 0


def test_the_limit_takes_the_newest(store):
    assert store.search(All(), limit=3) == store.search(All(), limit=1000)[:3]
    assert store.search(All(), limit=0) == []


def test_values_are_counted_most_frequent_first_and_then_by_value(store):
    wanted = Counter(e.fields["user.id"] for e in ENTRIES if "user.id" in e.fields)
    assert store.count_by(All(), "user.id") == sorted(wanted.items(), key=lambda pair: (-pair[1], pair[0]))
    assert store.count_by(All(), "user.id", limit=1) == store.count_by(All(), "user.id")[:1]
    assert store.count_by(parse(f"{STATUS}:500"), STATUS) == [(500, store.count(parse(f"{STATUS}:500")))]


def test_lists_and_paths_are_counted_value_by_value(store):
    requests = store.count(parse("sealtrail.kind:request"))
    assert store.count_by(All(), "event.category") == [("api", requests), ("web", requests)]
    assert dict(store.count_by(All(), "sealtrail.trail")) == END
    items = Counter(
        e.fields["shop.basket"]["items"] for e in ENTRIES if isinstance(e.fields.get("shop.basket"), dict)
    )
    assert dict(store.count_by(All(), "shop.basket.items")) == items
    assert store.count_by(All(), "event.ingested") == [(stamp(START + 9 * HOUR), len(ENTRIES))]


def test_a_histogram_has_the_periods_that_have_entries(store):
    wanted = Counter(_order(entry)[0] // (10 * MINUTE) * 10 * MINUTE for entry in ENTRIES)
    assert store.histogram(All(), 10 * MINUTE) == sorted(wanted.items())
    assert store.histogram(All(), DAY) == [(START, len(ENTRIES))]
    assert store.histogram(parse("nothing-has-this"), DAY) == []


def test_forgotten_entries_are_no_longer_found(own_store):
    own_store.forget("access", 50)
    wanted = {e.address for e in ENTRIES if e.trail == "audit" or e.index >= 50}
    assert {hit.address for hit in own_store.search(All(), limit=1000)} == wanted
    assert own_store.count(All()) == len(wanted)
    assert own_store.count(parse("sealtrail.trail:access")) == END["access"] - 50
    own_store.forget("access", 10)
    assert own_store.count(All()) == len(wanted)


def test_a_query_the_store_cannot_answer_says_so(store):
    with pytest.raises(QueryError):
        store.count(parse("@timestamp>=2h"))
