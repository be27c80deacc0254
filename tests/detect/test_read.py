from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.read import compile_texts
from sealtrail.detect.rule import Ruleset
from sealtrail.detect.tree import Or, Text

Good = Callable[[str], Ruleset]
Why = Callable[[str], str]
Detection = Callable[[str], str]

HEAD = "title: t\nlogsource: {product: p}\n"


def test_the_head_of_a_rule_is_kept(good: Good) -> None:
    rule = good("""
        title: A title
        id: 0AC2C7B0-7E6E-4DFB-9E0E-1C6A9A6A0001
        name: short
        level: high
        status: test
        description: What it finds.
        tags: [attack.t1110]
        logsource: {category: webserver}
        detection: {s: {f: 1}, condition: s}
    """).rules[0]
    head = rule.head
    assert (head.id, head.title, head.name, head.level) == (
        "0ac2c7b0-7e6e-4dfb-9e0e-1c6a9a6a0001",
        "A title",
        "short",
        "high",
    )
    assert (head.tags, head.description, head.file, head.line) == (
        ("attack.t1110",),
        "What it finds.",
        "rules.yml",
        2,
    )
    assert rule.requests_only


def test_a_rule_without_id_has_one_that_stays(good: Good) -> None:
    text = HEAD + "detection: {s: {f: 1}, condition: s}\n"
    assert good(text).rules[0].head.id == good(text).rules[0].head.id != ""
    assert good(text).rules[0].head.level == "medium"


def test_several_conditions_are_alternatives(good: Good) -> None:
    rule = good(HEAD + "detection: {a: {f: 1}, b: {g: x}, condition: [a, b]}\n").rules[0]
    assert isinstance(rule.condition, Or)
    assert Text("g", "is", ("x",)) in rule.condition.args


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("title: t\ndetection: {s: {f: 1}, condition: s}\n", 1, "logsource"),
        ("title: t\nlogsource: x\ndetection: {s: {f: 1}, condition: s}\n", 2, "logsource"),
        ("title: t\nlogsource: {product: p}\n", 1, "detection"),
        (HEAD + "detection: [1]\n", 3, "detection"),
        (HEAD + "detection:\n  s: {f: 1}\n", 3, "condition"),
        (HEAD + "detection:\n  s: {f: 1}\n  condition: []\n", 5, "condition"),
        (HEAD + "detection:\n  s: {f: 1}\n  condition: s and t\n", 5, "no selection `t`"),
        (HEAD + "detection:\n  s: {f: 1}\n  t: {f|foo: 1}\n  condition: s\n", 5, "foo"),
        (HEAD + "detection:\n  s: {f: 1}\n  timeframe: 5m\n  condition: s | count() > 5\n", 5, "timeframe"),
        (HEAD + "detection:\n  no: {f: 1}\n  condition: not no\n", 3, "quote it"),
        (HEAD + "detection:\n  1: {f: 1}\n  condition: 1\n", 3, "quote it"),
        (HEAD + "id: nonsense\ndetection: {s: {f: 1}, condition: s}\n", 3, "UUID"),
        (HEAD + "level: terrible\ndetection: {s: {f: 1}, condition: s}\n", 3, "level"),
        ("logsource: {product: p}\ndetection: {s: {f: 1}, condition: s}\n", 1, "title"),
        (HEAD + "action: global\n", 3, "action"),
        (HEAD + "filter: {rules: any}\n", 3, "filter"),
        (HEAD + "x-baseline: {}\ndetection: {s: {f: 1}, condition: s}\n", 3, "x-baseline"),
        (HEAD + "x-supress: 5m\ndetection: {s: {f: 1}, condition: s}\n", 3, "x-supress"),
    ],
)
def test_what_cannot_run_is_refused_with_its_line(why: Why, text: str, line: int, word: str) -> None:
    reason = why(text)
    assert reason.startswith(f"rules.yml:{line}: "), reason
    assert word in reason


def test_good_rules_are_in_and_all_refusals_are_listed() -> None:
    good = HEAD + "name: good\ndetection: {s: {f: 1}, condition: s}\n"
    found = compile_texts([("a.yml", good + "---\ntitle: bad\n"), ("b.yml", "no: [\n"), ("c.yml", good)])
    assert [rule.head.name for rule in found.rules] == ["good"]
    assert [(e.file, e.line) for e in found.refused] == [("a.yml", 6), ("b.yml", 2), ("c.yml", 1)]
    assert "used in a.yml:1" in found.refused[2].what


COUNT = """
title: c
correlation: {type: event_count, rules: [base], group-by: [user.id], timespan: 1m, condition: {gte: 2}}
"""


def test_a_correlation_counts_rules_of_other_files_by_name_or_id() -> None:
    base = (
        HEAD + "id: 0ac2c7b0-7e6e-4dfb-9e0e-1c6a9a6a0001\nname: base\ndetection: {s: {f: 1}, condition: s}\n"
    )
    by_id = COUNT.replace("[base]", "0AC2C7B0-7E6E-4DFB-9E0E-1C6A9A6A0001").replace("title: c", "title: d")
    found = compile_texts([("1.yml", COUNT), ("2.yml", by_id), ("3.yml", base)])
    assert not found.refused
    assert [c.rules for c in found.correlations] == [("0ac2c7b0-7e6e-4dfb-9e0e-1c6a9a6a0001",)] * 2


@pytest.mark.parametrize(
    "change", [("condition: {gte: 2}", "condition: {gte: 2}"), ("event_count", "temporal")]
)
def test_the_parts_of_a_correlation_do_not_fire_alone_even_when_it_is_refused(
    change: tuple[str, str],
) -> None:
    base = HEAD + "name: base\ndetection: {s: {f: 1}, condition: s}\n"
    assert [rule.output for rule in compile_texts([("", base + "---" + COUNT.replace(*change))]).rules] == [
        False
    ]
    generate = COUNT.replace("timespan", "generate: true, timespan")
    assert [rule.output for rule in compile_texts([("", base + "---" + generate)]).rules] == [True]


def test_the_fields_of_a_set_are_those_of_conditions_keys_and_values(good: Good) -> None:
    found = good(HEAD + "name: base\ndetection: {s: {c-uri: 1, a|fieldref: b}, condition: s}\n---" + COUNT)
    assert found.fields == {"url.original", "a", "b", "user.id"}
    assert [head.title for head in found.heads] == ["c"]
