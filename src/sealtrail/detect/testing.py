"""Runs the samples a rule carries in `x-tests`: what must alert, and what must not.

    x-tests:
      - name: ten failures in twenty seconds
        events:
          - {times: 10, every: 2s, fields: {event.action: authn_login_fail, client.ip: 203.0.113.9}}
        alerts: 1

`events` happen one after the other. `times` (1) repeats a step, `every` (1s) is the time between repeats,
`after` the time before the step. In a text value, `{n}` is the number of the repeat, from 0. `alerts` is how
many alerts of this rule all of it raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from sealtrail.detect.alert import Alert
from sealtrail.detect.engine import Engine
from sealtrail.detect.rule import SECOND, Correlation, Rule, Ruleset, span
from sealtrail.errors import RuleError
from sealtrail.event import Batch, Entry, Fields, kind_of
from sealtrail.event.entry import stamp

MAX_EVENTS: Final = 100_000  # of one sample
_BEGIN: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday at noon, the start of every usual bucket
_STEP_KEYS: Final = frozenset({"times", "every", "after", "fields"})
_SAMPLE_KEYS: Final = frozenset({"name", "events", "alerts"})


class Outcome(msgspec.Struct, frozen=True):
    """One sample: how many alerts it should raise and did."""

    rule: str
    title: str
    sample: str
    expected: int
    raised: int

    @property
    def passed(self) -> bool:
        return self.expected == self.raised


def run(ruleset: Ruleset) -> list[Outcome]:
    """The outcome of every sample of every rule that can alert. Raises RuleError for a bad sample."""
    rules: list[Rule | Correlation] = [rule for rule in ruleset.rules if rule.output]
    rules.extend(ruleset.correlations)
    return [_run(ruleset, rule, sample, place) for rule in rules for place, sample in enumerate(rule.tests)]


def _run(ruleset: Ruleset, rule: Rule | Correlation, sample: Any, place: int) -> Outcome:
    try:
        name, expected, events = _read(sample, place)
        entries = tuple(events)
    except (ValueError, TypeError) as error:
        raise RuleError(
            "rule.syntax", f"x-tests, sample {place + 1}: {error}", file=rule.head.file, line=rule.head.line
        ) from None
    raised: list[Alert] = []
    end = {"access": len(entries)}
    Engine(ruleset, raised.extend).handle(Batch(entries, {"access": 0}, end))
    mine = sum(alert.head.id == rule.head.id for alert in raised)
    return Outcome(rule.head.id, rule.head.title, name, expected, mine)


def _read(sample: Any, place: int) -> tuple[str, int, Iterator[Entry]]:
    if not isinstance(sample, Mapping) or set(sample) - _SAMPLE_KEYS:
        raise ValueError("a sample has `name`, `events` and `alerts`")
    alerts, steps = sample.get("alerts"), sample.get("events")
    if type(alerts) is not int or not isinstance(steps, list) or not steps:
        raise ValueError("a sample needs `events`, a list, and `alerts`, a number")
    return str(sample.get("name", place + 1)), alerts, _entries(steps)


def _entries(steps: list[Any]) -> Iterator[Entry]:
    moment, index = _BEGIN, 0
    for step in steps:
        if (
            not isinstance(step, Mapping)
            or set(step) - _STEP_KEYS
            or not isinstance(step.get("fields"), dict)
        ):
            raise ValueError("a step has `fields`, and may have `times`, `every` and `after`")
        if "after" in step:
            moment += _delta(step["after"])
        times = step.get("times", 1)
        if type(times) is not int or not 0 < times <= MAX_EVENTS - index:
            raise ValueError(f"`times` is a number, and a sample has at most {MAX_EVENTS:,} events")
        for number in range(times):
            yield Entry("access", index, b"", _fields(step["fields"], number, moment))
            moment += _delta(step.get("every", "1s"))
            index += 1


def _delta(text: Any) -> timedelta:
    return timedelta(seconds=span(text) / SECOND)


def _fields(given: Mapping[str, Any], number: int, moment: datetime) -> Fields:
    fields: Fields = {
        name: value.replace("{n}", str(number)) if isinstance(value, str) else value
        for name, value in given.items()
    }
    fields.setdefault("sealtrail.kind", kind_of(fields))
    fields.setdefault("@timestamp", stamp(moment))
    fields.setdefault("event.ingested", stamp(moment + timedelta(milliseconds=50)))
    return fields
