from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.rule import SECOND, Ruleset

BASE = """
title: base
name: base
logsource: {product: p}
detection: {s: {f: 1}, condition: s}
---
title: second
name: second
logsource: {product: p}
detection: {s: {f: 2}, condition: s}
---
title: counted
correlation:
"""
GOOD = {
    "type": "event_count",
    "rules": "[base]",
    "group-by": "[c-ip]",
    "timespan": "5m",
    "condition": "{gte: 10}",
}


def text(**changes: str) -> str:
    body = {**GOOD, **{key.replace("_", "-"): value for key, value in changes.items()}}
    return BASE + "".join(f"  {key}: {value}\n" for key, value in body.items() if value)


def test_a_count_of_events_is_read(good: Callable[[str], Ruleset]) -> None:
    found = good(text()).correlations[0]
    assert (found.distinct, found.keys, found.timespan, found.bounds) == (
        False,
        ("client.ip",),
        300 * SECOND,
        (("gte", 10),),
    )


def test_a_range_and_a_fraction_are_kept_as_they_are(good: Callable[[str], Ruleset]) -> None:
    assert good(text(condition="{gt: 10.5, lte: 20}")).correlations[0].bounds == (("gt", 10.5), ("lte", 20))
    assert good(text(condition="{eq: 3}", group_by="")).correlations[0].keys == ()


def test_distinct_values_are_of_one_field_or_of_several(good: Callable[[str], Ruleset]) -> None:
    one = good(text(type="value_count", condition="{field: cs-host, gte: 2}")).correlations[0]
    two = good(text(type="value_count", condition="{field: [cs-host, f], gte: 2}")).correlations[0]
    assert (one.distinct, one.values, two.values) == (True, ("url.domain",), ("url.domain", "f"))


def test_an_alias_gives_each_rule_its_own_field(good: Callable[[str], Ruleset]) -> None:
    found = good(
        text(rules="[base, second]", group_by="[who]", aliases="{who: {base: user.id, second: user.name}}")
    ).correlations[0]
    base, second = found.rules
    assert (found.keys, found.group_by) == (("who",), ({base: "user.id", second: "user.name"},))


@pytest.mark.parametrize(
    ("changes", "line", "word"),
    [
        ({"type": "temporal"}, 14, "temporal"),
        ({"type": ""}, 13, "None"),
        ({"rules": "[nobody]"}, 15, "no rule `nobody`"),
        ({"rules": ""}, 13, "no rule"),
        ({"rules": "[counted]"}, 15, "correlations of correlations"),
        ({"timespan": "5 minutes"}, 17, "not a time span"),
        ({"timespan": "0s"}, 17, "not a time span"),
        ({"timespan": "60d"}, 17, "31 days"),
        ({"timespan": ""}, 13, "not a time span"),
        ({"group_by": "[[a]]"}, 16, "list of fields"),
        ({"condition": "{}"}, 18, "nothing"),
        ({"condition": "a and b"}, 18, "condition"),
        ({"condition": "{gte: ten}"}, 18, "not a number"),
        ({"condition": "{gte: true}"}, 18, "not a number"),
        ({"condition": "{gte: .nan}"}, 18, "between"),
        ({"condition": "{gte: 1000000}"}, 18, "between"),
        ({"condition": "{lt: 1}"}, 18, "no count"),
        ({"condition": "{gt: 5, lt: 6}"}, 18, "no count"),
        ({"condition": "{eq: 2.5}"}, 18, "no count"),
        ({"condition": "{gte: 5, percentile: 3}"}, 18, "percentile"),
        ({"condition": "{gte: 5, field: x}"}, 18, "counts events"),
        ({"type": "value_count"}, 18, "needs a `field`"),
        ({"aliases": "{c-ip: {second: user.id}}"}, 19, "every rule"),
        ({"wat": "1"}, 19, "wat"),
    ],
)
def test_what_cannot_be_counted_exactly_is_refused(
    why: Callable[[str], str], changes: dict[str, str], line: int, word: str
) -> None:
    reason = why(text(**changes))
    assert word in reason
    assert reason.startswith(f"rules.yml:{line}: "), reason
