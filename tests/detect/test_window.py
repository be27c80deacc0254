from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.alert import MAX_EVENTS
from sealtrail.detect.rule import SECOND, Correlation, Ruleset
from sealtrail.detect.window import MIN_ITEMS, Window

RULE = """
title: base
name: base
logsource: {{product: p}}
detection: {{s: {{f: 1}}, condition: s}}
---
title: counted
correlation: {{type: {type}, rules: base, group-by: [k], timespan: 10s, condition: {{{condition}}}}}
x-suppress: {suppress}
"""
LATENESS = 20 * SECOND


@pytest.fixture
def rule(good: Callable[[str], Ruleset]) -> Callable[..., Correlation]:
    def made(condition: str = "gte: 3", kind: str = "event_count", suppress: str = "10s") -> Correlation:
        return good(RULE.format(type=kind, condition=condition, suppress=suppress)).correlations[0]

    return made


def window(rule: Correlation, **limits: int) -> Window:
    return Window(rule, lateness=LATENESS, **limits)


def feed(one: Window, *seconds: float, key: str = "k", value: str = "", watermark: float = 0) -> list[int]:
    """Seconds at which a hit came out."""
    out = []
    for number, second in enumerate(seconds):
        watermark = max(watermark, second)
        time = int(second * SECOND)
        out += [h.time // SECOND for h in one.add((key,), time, value, str(number), int(watermark * SECOND))]
    return out


def test_the_edge_of_a_window_belongs_to_it(rule: Callable[..., Correlation]) -> None:
    assert feed(window(rule()), 100, 105, 110) == [110]
    assert feed(window(rule()), 100, 105, 110.000001) == []


def test_one_alert_speaks_for_its_stretch_of_time(rule: Callable[..., Correlation]) -> None:
    one = window(rule(suppress="60s"))
    assert feed(one, *range(120, 300)) == [122, 180, 240]
    assert one.hits == 178


def test_a_late_event_completes_a_window_that_was_one_short(rule: Callable[..., Correlation]) -> None:
    assert feed(window(rule()), 100, 108, 115, 104) == [108]
    assert feed(window(rule()), 100, 104, 125, 112) == []


def test_keys_do_not_count_for_each_other(rule: Callable[..., Correlation]) -> None:
    one = window(rule())
    assert feed(one, 100, 101, key="a") == []
    assert feed(one, 102, 103, key="b") == []
    assert feed(one, 104, key="a") == [104]


def test_a_hit_tells_count_rise_and_the_newest_events(rule: Callable[..., Correlation]) -> None:
    one = window(rule("gte: 60"))
    hits = [h for n in range(60) for h in one.add(("k",), 100 * SECOND + n, "", f"a/{n}", 100 * SECOND + n)]
    assert len(hits) == 1
    assert (hits[0].count, hits[0].rise, hits[0].time) == (60, 100 * SECOND, 100 * SECOND + 59)
    assert hits[0].events == tuple(f"a/{n}" for n in range(60 - MAX_EVENTS, 60))


def test_distinct_values_are_counted_once(rule: Callable[..., Correlation]) -> None:
    one = window(rule("field: v, gte: 3", "value_count"))
    for number, value in enumerate("aabbaab"):
        assert one.add(("k",), (100 + number) * SECOND, value, "", (100 + number) * SECOND) == []
    assert len(one.add(("k",), 108 * SECOND, "c", "", 108 * SECOND)) == 1


def test_values_leave_with_the_window(rule: Callable[..., Correlation]) -> None:
    one = window(rule("field: v, gte: 3", "value_count"))
    for second, value in ((100, "a"), (101, "b"), (111, "c"), (112, "d")):
        assert one.add(("k",), second * SECOND, value, "", second * SECOND) == []
    assert len(one.add(("k",), 113 * SECOND, "e", "", 113 * SECOND)) == 1


def test_a_walk_cannot_hide_behind_repetitions_of_one_object(rule: Callable[..., Correlation]) -> None:
    one = window(rule("field: v, gte: 30", "value_count"))
    for number in range(20):
        one.add(("k",), 100 * SECOND + number, f"object {number}", "", 100 * SECOND + number)
    for number in range(20, 5 * MIN_ITEMS):
        one.add(("k",), 100 * SECOND + number, "the same", "", 100 * SECOND + number)
    assert one.items <= MIN_ITEMS
    hits = [
        hit
        for number in range(6 * MIN_ITEMS, 6 * MIN_ITEMS + 9)
        for hit in one.add(("k",), 100 * SECOND + number, f"object {number}", "", 100 * SECOND + number)
    ]
    assert [hit.count for hit in hits] == [30]


def test_a_key_that_grows_without_end_is_cut_and_counted(rule: Callable[..., Correlation]) -> None:
    one = window(rule("gte: 900"))
    raised = 0
    for number in range(10 * MIN_ITEMS):
        raised += len(one.add(("k",), 100 * SECOND + number, "", "", 100 * SECOND + number))
    assert raised == 1
    assert one.items <= 2 * MIN_ITEMS
    assert one.overflowed > 0


def test_the_key_that_was_not_used_for_longest_makes_room(rule: Callable[..., Correlation]) -> None:
    one = window(rule(), max_keys=2)
    feed(one, 100, 100, key="a")
    feed(one, 101, key="b")
    feed(one, 102, key="c")
    assert (len(one), one.evicted) == (2, 1)
    assert feed(one, 103, key="a") == []
    assert feed(one, 104, 104, key="c") == [104]


def test_a_key_whose_windows_are_over_is_let_go_without_counting_as_lost(
    rule: Callable[..., Correlation],
) -> None:
    one = window(rule())
    feed(one, 100, key="a")
    feed(one, 1000, key="b", watermark=1000)
    assert (len(one), one.items, one.evicted) == (1, 1, 0)


def test_history_of_an_earlier_day_starts_its_key_anew(rule: Callable[..., Correlation]) -> None:
    one = window(rule())

    def add(second: int) -> list[int]:
        return [h.time // SECOND for h in one.add(("k",), second * SECOND, "", "", None)]

    assert [add(s) for s in (5000, 5001, 100, 101)] == [[], [], [], []]
    assert add(102) == [102]
    assert one.items == 3


def test_conditions_that_look_down_are_judged_at_every_event(rule: Callable[..., Correlation]) -> None:
    assert feed(window(rule("eq: 2", suppress="1s")), 100, 101, 102) == [101]
    assert feed(window(rule("gte: 2, lt: 4", suppress="10s")), 100, 101, 102, 103) == [101]
    assert feed(window(rule("gt: 2.5")), 100, 101, 102) == [102]
