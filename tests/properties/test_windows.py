"""Windows against an oracle that counts everything again for every event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.read import compile_texts
from sealtrail.detect.rule import SECOND, Correlation, holds
from sealtrail.detect.window import Window

SPAN, LATENESS = 10 * SECOND, 20 * SECOND

_events = st.lists(
    st.tuples(st.integers(-40, 15), st.sampled_from("ab"), st.sampled_from("xyz12")), min_size=1, max_size=60
)
_bounds = st.one_of(
    st.tuples(st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"]), st.integers(1, 6)).map(
        lambda b: dict([b])
    ),
    st.just({"gte": 2, "lt": 4}),
    st.just({"gt": 2.5}),
)


def correlation(condition: dict[str, Any], *, distinct: bool, suppress: int) -> Correlation:
    field = "field: sealtrail.object.id, " if distinct else ""
    bounds = ", ".join(f"{op}: {number}" for op, number in condition.items())
    text = f"""
title: base
name: base
logsource: {{product: sealtrail}}
detection: {{s: {{event.action: x}}, condition: s}}
---
title: counted
correlation:
  type: {"value_count" if distinct else "event_count"}
  rules: base
  group-by: user.id
  timespan: 10s
  condition: {{{field}{bounds}}}
x-suppress: {suppress}s
"""
    found = compile_texts([("test.yml", text)])
    assert not found.refused, found.refused
    return found.correlations[0]


@pytest.mark.parametrize("distinct", [False, True])
@given(events=_events, condition=_bounds, suppress=st.sampled_from([1, 25]))
def test_windows_agree_with_counting_everything_again(
    distinct: bool, events: list[tuple[int, str, str]], condition: dict[str, Any], suppress: int
) -> None:
    rule = correlation(condition, distinct=distinct, suppress=suppress)
    window = Window(rule, lateness=LATENESS)
    period = max(SPAN, suppress * SECOND)
    known: dict[str, list[tuple[int, str, str]]] = {"a": [], "b": []}
    raised: set[tuple[str, int]] = set()
    time = watermark = 100 * SECOND
    for number, (step, key, value) in enumerate(events):
        time = max(watermark + step * SECOND, watermark - LATENESS)
        watermark = max(watermark, time)
        known[key].append((time, value, f"access/{number}"))
        expected = []
        for end in sorted({t for t, _, _ in known[key] if time <= t <= time + SPAN}):
            inside = [e for e in known[key] if end - SPAN <= e[0] <= end]
            count = len({v for _, v, _ in inside}) if distinct else len(inside)
            if not all(holds(op, count, limit) for op, limit in rule.bounds):  # type: ignore[arg-type]
                continue
            if (key, end // period) in raised:
                continue
            raised.add((key, end // period))
            expected.append(
                (end // period, end, min(t for t, _, _ in inside), count, {a for _, _, a in inside})
            )
        got = window.add((key,), time, value, f"access/{number}", watermark)
        assert [(h.bucket, h.time, h.rise, h.count, set(h.events)) for h in got] == expected
    assert window.evicted == window.overflowed == 0


@given(events=_events, keys=st.integers(1, 3), items=st.integers(3, 12))
def test_state_stays_within_its_bounds(events: list[tuple[int, str, str]], keys: int, items: int) -> None:
    rule = correlation({"gte": 3}, distinct=True, suppress=1)
    window = Window(rule, lateness=LATENESS, max_keys=keys, max_items=items)
    watermark = 0
    for number, (step, key, value) in enumerate(events):
        time = max(watermark + step * SECOND, watermark - LATENESS)
        watermark = max(watermark, time)
        window.add((key, str(number % 5)), time, value, str(number), watermark)
        assert len(window) <= keys
        assert window.items == sum(len(i.times) for i in window._keys.values())
        assert window.items <= items or len(window) == 1
