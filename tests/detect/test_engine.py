from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sealtrail.detect import engine as engine_module
from sealtrail.detect.alert import Alert
from sealtrail.detect.engine import Engine, microseconds
from sealtrail.detect.library import load
from sealtrail.detect.rule import SECOND, Ruleset
from sealtrail.event import Batch, Entry, Fields, canonical
from sealtrail.event.entry import seal, stamp, suffix
from sealtrail.follow import Cursor

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
FAIL = {"sealtrail.kind": "authentication", "event.action": "authn_login_fail", "client.ip": "203.0.113.9"}


def entry(index: int, fields: Fields, seconds: float, *, delay: float = 0.01, trail: str = "audit") -> Entry:
    made = {"@timestamp": stamp(BEGIN + timedelta(seconds=seconds)), **fields}
    arrived = stamp(BEGIN + timedelta(seconds=seconds + delay))
    data = seal(canonical(made), suffix(arrived, "spool"))
    return Entry(trail, index, data, {**made, "event.ingested": arrived, "sealtrail.source": "spool"})


def batches(entries: Iterable[Entry], size: int = 3) -> Iterator[Batch]:
    entries = list(entries)
    for start in range(0, len(entries), size):
        part = tuple(entries[start : start + size])
        yield Batch(part, {"access": 0, "audit": start}, {"access": 0, "audit": start + len(part)})


def failures(
    number: int, *, every: float = 1.0, first: int = 0, start: float = 0.0, **more: Any
) -> list[Entry]:
    return [entry(first + n, {**FAIL, **more}, start + n * every) for n in range(number)]


@pytest.fixture(scope="module")
def pack() -> Ruleset:
    return load()


def run(ruleset: Ruleset, entries: Iterable[Entry], **options: Any) -> list[Alert]:
    out: list[Alert] = []
    engine = Engine(ruleset, out.extend, **options)
    for batch in batches(entries):
        engine.handle(batch)
    return out


def base(pack: Ruleset) -> str:
    """Id of the rule that counts failed sign-ins."""
    return next(rule.head.id for rule in pack.rules if rule.head.name == "failed_login")


def test_a_brute_force_raises_one_alert_that_tells_all(pack: Ruleset) -> None:
    (alert,) = run(pack, failures(40))
    assert alert.head.name == "brute_force_by_address"
    assert (alert.key, alert.target, alert.count) == ({"client.ip": "203.0.113.9"}, "203.0.113.9", 10)
    assert alert.rise == microseconds(stamp(BEGIN))
    assert alert.time == alert.rise + 9 * SECOND
    assert alert.events == tuple(f"audit/{n}" for n in range(10))
    assert (alert.late, alert.history) == (False, False)


def test_our_own_refusals_and_alerts_feed_nothing(pack: Ruleset) -> None:
    assert run(pack, failures(40, **{"sealtrail.own": True})) == []
    for kind in ("alert", "system"):
        assert run(pack, failures(40, **{"sealtrail.kind": kind})) == []


def test_imported_history_may_alert_but_is_marked(pack: Ruleset) -> None:
    (alert,) = run(pack, failures(20, **{"sealtrail.import": True}))
    assert alert.history
    live = run(pack, failures(20))
    assert live[0].id != alert.id


def test_history_does_not_count_into_live_windows(pack: Ruleset) -> None:
    old = failures(9, **{"sealtrail.import": True})
    assert run(pack, [*old, *failures(9, first=9, start=0.5)]) == []


def test_an_event_too_late_for_the_live_windows_is_history(pack: Ruleset) -> None:
    now = entry(0, {"event.action": "x"}, 500)
    (alert,) = run(pack, [now, *[entry(n, FAIL, 100 + n, delay=500) for n in range(1, 21)]])
    assert alert.history


def test_events_out_of_order_within_the_lateness_still_count(pack: Ruleset) -> None:
    now = entry(0, {"event.action": "x"}, 50)
    (alert,) = run(pack, [now, *[entry(n, FAIL, 20 + n, delay=40) for n in range(1, 21)]])
    assert (alert.late, alert.history) == (True, False)


def test_a_clock_that_is_ahead_makes_nobody_else_late(pack: Ruleset) -> None:
    ahead = entry(0, {"event.action": "x"}, 86_400, delay=-86_400)
    (alert,) = run(pack, [ahead, *failures(20, first=1)])
    assert not alert.history


def test_a_time_that_cannot_be_read_is_that_of_arrival(pack: Ruleset) -> None:
    entries = [entry(n, {**FAIL, "@timestamp": "yesterday"}, n) for n in range(20)]
    assert len(run(pack, entries)) == 1


def test_a_rule_without_a_window_alerts_once_for_its_key_and_stretch(pack: Ruleset) -> None:
    given = {
        "sealtrail.kind": "request",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "sealtrail.object.type": "invoice",
        "sealtrail.object.id": "1",
        "sealtrail.object.owner": "u2",
    }
    entries = [entry(n, {**given, "user.id": f"u{n % 2 + 3}"}, n) for n in range(10)]
    alerts = run(pack, entries)
    assert [a.key for a in alerts] == [{"user.id": "u3"}, {"user.id": "u4"}]
    assert {a.head.level for a in alerts} == {"critical"}


def test_without_suppression_every_match_alerts_with_its_own_id(good: Callable[[str], Ruleset]) -> None:
    ruleset = good("""
        title: x
        logsource: {product: p}
        detection: {s: {event.action: x}, condition: s}
        x-suppress: none
        x-respond: {block: client.ip}
    """)
    alerts = run(ruleset, [entry(n, {"event.action": "x", "client.ip": f"192.0.2.{n}"}, 0) for n in range(5)])
    assert len({a.id for a in alerts}) == 5
    assert [a.target for a in alerts] == [f"192.0.2.{n}" for n in range(5)]


def test_a_replay_gives_the_same_alerts(pack: Ruleset) -> None:
    entries = [
        *failures(40),
        *failures(40, first=40, start=700, **{"client.ip": "198.51.100.1", "user.hash": "h"}),
    ]
    first, second = run(pack, entries), run(pack, entries)
    assert first == second
    assert len(first) == 3


def test_a_failed_sink_gets_the_same_alerts_again_and_nothing_is_counted_twice(pack: Ruleset) -> None:
    got: list[list[Alert]] = []

    def sink(alerts: list[Alert]) -> None:
        got.append(list(alerts))
        if len(got) == 1:
            raise OSError("disk full")

    engine = Engine(pack, sink)
    for batch in batches(failures(12), size=12):
        with pytest.raises(OSError, match="disk full"):
            engine.handle(batch)
        assert engine.position() == {}
        engine.handle(batch)
        assert engine.position() == {"access": 0, "audit": 12}
    assert got[0] == got[1]
    assert engine.facts().matches[base(pack)] == 12


class Book:
    """A reader over entries in memory."""

    def __init__(self, entries: list[Entry]) -> None:
        self._data = [one.data for one in entries]

    def sizes(self) -> dict[str, int]:
        return {"access": 0, "audit": len(self._data)}

    def first(self) -> dict[str, int]:
        return {"access": 0, "audit": 0}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        return self._data[start : start + limit] if trail == "audit" else []


@pytest.mark.parametrize("crash", [3, 9, 15, 60, 117])
def test_a_restart_goes_on_as_if_it_had_not_been(pack: Ruleset, tmp_path: Path, crash: int) -> None:
    entries = failures(120, every=7)
    expected = run(pack, failures(120, every=2))
    entries = failures(120, every=2)
    cursor = Cursor(tmp_path / "detect")
    first: list[Alert] = []
    before = Engine(pack, first.extend, cursor=cursor)
    for batch in batches(entries[:crash]):
        before.handle(batch)
    before.save()
    second: list[Alert] = []
    after = Engine(pack, second.extend, cursor=cursor)
    assert after.position()["audit"] == crash
    after.catch_up(Book(entries))
    assert second == []
    # The hub may hand a batch that begins before the position: what was heard is not heard again.
    for batch in batches(entries):
        after.handle(batch)
    assert first + second == expected


def test_alerts_are_delivered_before_the_position_is_saved(pack: Ruleset, tmp_path: Path) -> None:
    cursor, seen = Cursor(tmp_path / "detect"), []
    ticks = iter(range(1000))
    engine = Engine(
        pack, lambda _: seen.append(cursor.load().get("audit", 0)), cursor=cursor, clock=lambda: next(ticks)
    )
    for batch in batches(failures(12)):
        engine.handle(batch)
    assert seen == [9]
    assert cursor.load()["audit"] == 12


def test_fields_that_never_came_are_named(good: Callable[[str], Ruleset]) -> None:
    ruleset = good("""
        title: x
        logsource: {category: webserver}
        detection: {s: {cs-cookie: x, c-uri: y, c-uri-extension: z}, condition: s}
    """)
    engine = Engine(ruleset, lambda _: None)
    assert engine.facts().unseen_fields == ("cs-cookie", "url.extension", "url.original")
    for batch in batches([entry(0, {"url.path": "/x"}, 0)]):
        engine.handle(batch)
    assert engine.facts().unseen_fields == ("cs-cookie",)


def test_facts_count_matches_alerts_and_what_was_held_back(pack: Ruleset) -> None:
    out: list[Alert] = []
    engine = Engine(pack, out.extend)
    for batch in batches([*failures(30), entry(30, {"sealtrail.kind": "system"}, 31)]):
        engine.handle(batch)
    facts = engine.facts()
    assert (facts.events, facts.skipped, facts.alerts, facts.suppressed) == (30, 1, 1, 20)
    assert facts.matches[out[0].head.id] == 21
    assert facts.matches[base(pack)] == 30


def test_a_regular_expression_that_runs_too_long_is_set_aside(good: Callable[[str], Ruleset]) -> None:
    ruleset = good("""
        title: slow
        id: 00000000-0000-4000-8000-000000000001
        logsource: {product: p}
        detection: {s: {event.action|re: x}, condition: s}
        ---
        title: fast
        logsource: {product: p}
        detection: {s: {event.action: x}, condition: s}
    """)
    times = iter(n * (engine_module.SLOW_SECONDS + 1) for n in range(1000))
    out: list[Alert] = []
    engine = Engine(ruleset, out.extend, clock=lambda: next(times))
    for batch in batches([entry(n, {"event.action": "x", "client.ip": str(n)}, n) for n in range(9)]):
        engine.handle(batch)
    assert engine.facts().set_aside == ("00000000-0000-4000-8000-000000000001",)
    assert [a.head.title for a in out].count("fast") == 9
    assert [a.head.title for a in out].count("slow") == 1


def test_the_look_back_covers_windows_suppression_and_lateness(pack: Ruleset) -> None:
    assert Engine(pack, lambda _: None).lookback_seconds == 3600 + 60


def test_values_of_keys_are_bounded_and_lists_are_one_value(good: Callable[[str], Ruleset]) -> None:
    ruleset = good("""
        title: b
        name: b
        logsource: {product: p}
        detection: {s: {event.action: x}, condition: s}
        ---
        title: c
        correlation:
          {type: event_count, rules: b, group-by: [user.id, user.roles], timespan: 1m, condition: {gte: 2}}
    """)
    fields = {"event.action": "x", "user.id": "u" * 60_000, "user.roles": ["a", "b"]}
    (alert,) = run(ruleset, [entry(n, fields, n) for n in range(2)])
    assert len(alert.key["user.id"]) < 300
    assert alert.key["user.roles"] == '["a","b"]'


def test_hostile_fields_raise_nothing(pack: Ruleset) -> None:
    strange: list[Any] = [None, [], {}, [None], {"a": [1]}, True, 1.5, "\ud800", "x" * 70_000]
    entries = [
        entry_of(
            {
                **FAIL,
                "user.id": v,
                "client.ip": v,
                "event.action": w,
                "http.response.status_code": v,
                "sealtrail.object.id": v,
                "sealtrail.object.owner": v,
                "@timestamp": v,
                "sealtrail.kind": w,
            },
            n,
        )
        for n, (v, w) in enumerate((v, w) for v in strange for w in [*strange, "authn_login_fail"])
    ]
    run(pack, entries)


def entry_of(fields: Fields, index: int) -> Entry:
    return Entry("audit", index, b"", fields)
