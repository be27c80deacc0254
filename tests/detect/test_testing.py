from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.library import load
from sealtrail.detect.rule import Ruleset
from sealtrail.detect.taxonomy import unknown_fields
from sealtrail.detect.testing import run
from sealtrail.errors import RuleError

RULE = """
title: base
name: base
logsource: {{product: p}}
detection: {{s: {{event.action: x}}, condition: s}}
---
title: counted
correlation: {{type: event_count, rules: base, group-by: [user.id], timespan: 1m, condition: {{gte: 3}}}}
x-tests:
  - {sample}
"""


def outcome(ruleset: Ruleset) -> tuple[int, int]:
    (found,) = run(ruleset)
    return found.expected, found.raised


def test_the_pack_loads_whole_and_speaks_of_fields_we_write() -> None:
    pack = load()
    assert pack.refused == ()
    assert unknown_fields(pack.fields) == []
    assert all(head.description and head.id.count("-") == 4 for head in pack.heads)


@pytest.mark.parametrize("found", run(load()), ids=lambda found: f"{found.title}: {found.sample}")
def test_every_sample_of_the_pack_holds(found: object) -> None:
    assert found.passed, found  # type: ignore[attr-defined]


def test_every_rule_of_the_pack_has_samples_of_both_kinds() -> None:
    expected: dict[str, set[bool]] = {}
    for found in run(load()):
        expected.setdefault(found.rule, set()).add(found.expected > 0)
    assert expected == {head.id: {True, False} for head in load().heads}


@pytest.mark.parametrize(
    ("sample", "expected", "raised"),
    [
        ("{events: [{times: 3, fields: {event.action: x, user.id: u}}], alerts: 1}", 1, 1),
        ("{events: [{times: 3, fields: {event.action: x, user.id: u}}], alerts: 2}", 2, 1),
        ("{events: [{times: 3, fields: {event.action: x, user.id: 'u{n}'}}], alerts: 0}", 0, 0),
        ("{events: [{times: 3, every: 31s, fields: {event.action: x, user.id: u}}], alerts: 0}", 0, 0),
        (
            "{events: [{times: 2, fields: &x {event.action: x, user.id: u}}, {after: 2m, fields: *x}], alerts: 0}",  # noqa: E501
            0,
            0,
        ),
    ],
)
def test_a_sample_is_played_as_it_says(
    good: Callable[[str], Ruleset], sample: str, expected: int, raised: int
) -> None:
    assert outcome(good(RULE.format(sample=sample))) == (expected, raised)


@pytest.mark.parametrize(
    "sample",
    [
        "[1]",
        "{alerts: 1}",
        "{events: [], alerts: 1}",
        "{events: [{fields: {a: 1}}]}",
        "{events: [{fields: {a: 1}}], alerts: true}",
        "{events: [{times: 0, fields: {a: 1}}], alerts: 1}",
        "{events: [{times: 1000000, fields: {a: 1}}], alerts: 1}",
        "{events: [{every: soon, fields: {a: 1}}], alerts: 1}",
        "{events: [{fields: 1}], alerts: 1}",
        "{events: [{fields: {a: 1}, oops: 1}], alerts: 1}",
        "{events: [{fields: {a: 1}}], alert: 1}",
    ],
)
def test_a_sample_that_cannot_be_played_is_an_error(good: Callable[[str], Ruleset], sample: str) -> None:
    with pytest.raises(RuleError, match="sample 1"):
        run(good(RULE.format(sample=sample)))
