"""The rules that come with the package, held against what they promise and against real traffic."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sealtrail.collect.formats import parser
from sealtrail.detect.alert import Alert
from sealtrail.detect.engine import Engine
from sealtrail.detect.index import Index
from sealtrail.detect.library import load
from sealtrail.detect.match import View
from sealtrail.detect.rule import Correlation, Rule, Ruleset
from sealtrail.detect.taxonomy import unknown_fields
from sealtrail.detect.testing import run
from sealtrail.event import Batch, Entry, Fields


@pytest.fixture(scope="module")
def pack() -> Ruleset:
    return load()


def alerting(pack: Ruleset) -> list[Rule | Correlation]:
    return [*(rule for rule in pack.rules if rule.output), *pack.correlations]


def test_the_pack_loads_whole_and_names_only_fields_we_have(pack: Ruleset) -> None:
    assert pack.refused == ()
    assert unknown_fields(pack.fields) == []


def test_every_rule_has_a_sample_that_alerts_and_one_that_does_not_and_keeps_both(pack: Ruleset) -> None:
    outcomes = run(pack)
    assert [one for one in outcomes if not one.passed] == []
    for rule in alerting(pack):
        expected = {one.expected > 0 for one in outcomes if one.rule == rule.head.id}
        assert expected == {True, False}, rule.head.title


def test_every_rule_says_why_and_names_what_it_is_about(pack: Ruleset) -> None:
    for rule in alerting(pack):
        assert len(rule.head.description) > 60, rule.head.title
        assert any(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in rule.head.tags), rule.head.title
    ids = [rule.head.id for rule in (*pack.rules, *pack.correlations)]
    assert len(set(ids)) == len(ids)


def test_every_rule_of_the_pack_stands_in_the_reference(pack: Ruleset, repository: Path) -> None:
    page = (repository / "docs" / "reference" / "rules.md").read_text()
    assert [rule.head.title for rule in alerting(pack) if f"| {rule.head.title} |" not in page] == []


def test_of_an_ordinary_request_few_rules_ask_anything(pack: Ruleset) -> None:
    event = request("/api/v1/invoices/1734?sort=name&page=2")
    asked = {pack.rules[place].head.name for place, _ in Index(pack.rules).pick(event, kind="request")}
    everything = {rule.head.name for rule in pack.rules}
    spared = {"sql_injection", "cross_site_scripting", "command_injection", "response_splitting"}
    assert spared < everything
    assert not asked & spared


def test_what_the_collector_says_about_the_recording_raises_alerts(pack: Ruleset) -> None:
    gap = {
        "sealtrail.kind": "system",
        "event.action": "sealtrail.gap",
        "@timestamp": "2026-01-01T00:00:00.000000Z",
        "sealtrail.range.emitter": "e1",
    }
    started = {**gap, "event.action": "sealtrail.started"}
    assert [alert.head.name for alert in alerts_of(pack, [started, gap])] == ["sequence_gap"]


def request(target: str, **more: Any) -> Fields:
    return {
        "sealtrail.kind": "request",
        "http.request.method": "GET",
        "url.original": target,
        "url.path": target.partition("?")[0],
        "http.response.status_code": 200,
        "client.ip": "203.0.113.9",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
        **more,
    }


def alerts_of(pack: Ruleset, events: list[Fields]) -> list[Alert]:
    found: list[Alert] = []
    engine = Engine(pack, found.extend)
    entries = tuple(Entry("access", index, b"", fields) for index, fields in enumerate(events))
    engine.handle(Batch(entries, {"access": 0}, {"access": len(entries)}))
    return found


# --- real traffic


@pytest.mark.corpus
def test_no_rule_hits_an_ordinary_value_and_most_hit_attacks(pack: Ruleset, corpora: Path) -> None:
    """31,067 labelled values, each as the value of a parameter."""
    index = Index(pack.rules)
    hit: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong = []
    with (corpora / "data" / "http_params.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            event = request(f"/items?q={quote(row['payload'], safe='')}")
            view = View(event)
            names = [pack.rules[p].head.name for p, test in index.pick(event, kind="request") if test(view)]
            total[row["attack_type"]] += 1
            hit[row["attack_type"]] += bool(names)
            if names and row["attack_type"] == "norm":
                wrong.append((row["payload"], names))
    assert wrong == []
    found = {kind: hit[kind] / total[kind] for kind in total}
    assert found["sqli"] > 0.99
    assert found["xss"] > 0.85
    # Many of these are lone words such as `id`, and dots or slashes in numbers: no attack by themselves.
    assert found["cmdi"] > 0.6
    assert found["path-traversal"] > 0.4


@pytest.mark.corpus
def test_ten_thousand_requests_of_a_real_server_raise_no_alert(pack: Ruleset, corpora: Path) -> None:
    """Looked at by hand: crawlers, feeds, hot links, one client with 60 times the same 404. No attack."""
    parse = parser("combined")
    events = [
        parse(line) for line in (corpora / "data" / "apache_logs.log").read_bytes().splitlines()[:10_000]
    ]
    events.sort(key=lambda fields: str(fields["@timestamp"]))
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    live = [{**fields, "sealtrail.kind": "request", "event.ingested": moment} for fields in events]
    assert [(alert.head.name, alert.key) for alert in alerts_of(pack, live)] == []
