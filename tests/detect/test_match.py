from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from fnmatch import translate as glob_translate
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.library import load
from sealtrail.detect.match import View, address, compile_node, matcher, number_of, part_of, texts_of
from sealtrail.detect.selection import _glob
from sealtrail.detect.taxonomy import unknown_fields
from sealtrail.detect.tree import (
    And,
    Cidr,
    Compare,
    Glob,
    Node,
    Not,
    Null,
    Number,
    Or,
    Part,
    Ref,
    Regex,
    Text,
    Truth,
    leaves,
)
from sealtrail.event import Fields

Match = Callable[[str, Fields], bool]


@pytest.mark.parametrize(
    ("selection", "value", "expected"),
    [
        ("{f: foo}", "FOO", True),
        ("{f: FÜR}", "für", True),
        ("{f: ΟΔΟΣ}", "οδος", True),
        ("{f: foo}", "foo ", False),
        ("{f|contains|cased: Foo}", "a foo", False),
        ("{f|contains|cased: Foo}", "a Foo b", True),
        ("{f: 'a*c'}", "abbbc", True),
        ("{f: 'a*c'}", "a\nc", True),
        ("{f: 'a?c'}", "ac", False),
        (r"{f: 'a\*c'}", "abc", False),
        (r"{f: 'a\?c'}", "a?c", True),
        (r"{f: 'C:\Users\\*'}", "c:\\users\\x", True),
        ("{f: 'a_c%'}", "abcd", False),
        ("{f|re: '^a.c$'}", "abc", True),
        ("{f|re: b}", "abc", True),
        ("{f|re: B}", "abc", False),
        ("{f|re|i: B}", "abc", True),
        ("{f|re|m: '^b'}", "a\nb", True),
        ("{f|re|s: 'a.b'}", "a\nb", True),
        ("{f|re: 'a.b'}", "a\nb", False),
        ("{f|re|i: '(?s)A.b'}", "a\nB", True),
        ("{f: 200}", 200, True),
        ("{f: 200}", "200", True),
        ("{f: 1}", True, False),
        ("{f: '200'}", 200, True),
        ("{f|contains: '20'}", 1200, True),
        ("{f|startswith: '5'}", 503, True),
        ("{f: 1.5}", 1.5, True),
        ("{f|gte: 10.5}", 10, False),
        ("{f|gte: 10.5}", 11, True),
        ("{f|lt: 10}", "9", True),
        ("{f|lt: 10}", "nine", False),
        ("{f|lt: 10}", True, False),
        ("{f: true}", True, True),
        ("{f: true}", "TRUE", True),
        ("{f: true}", 1, False),
        ("{f: 'true'}", True, True),
        ("{f: x}", ["a", "X"], True),
        ("{f|contains|all: [a, b]}", ["xa", "xb"], True),
        ("{f|gt: 5}", [1, 9], True),
        ("{f: null}", None, True),
        ("{f: null}", [], True),
        ("{f: null}", "", False),
        ("{f: ''}", "", True),
        ("{f|exists: true}", None, False),
        ("{f|exists: true}", 0, True),
        ("{f|contains: old}", [{"path": "role", "old": "viewer"}], True),
        ("{f|cidr: 10.0.0.0/8}", "10.1.2.3", True),
        ("{f|cidr: 10.0.0.0/8}", "::ffff:10.1.2.3", True),
        ("{f|cidr: 10.0.0.0/8}", "100.1.2.3", False),
        ("{f|cidr: '2001:db8::/32'}", "2001:DB8::1", True),
        ("{f|cidr: '2001:db8::/32'}", "10.0.0.1", False),
        ("{f|cidr: 10.0.0.0/8}", "not an address", False),
        ("{f|hour: 23}", "2026-01-01T00:30:00.000000+01:00", True),
        ("{f|week: 1}", "2026-01-01T00:30:00Z", True),
        ("{f|year: 2025}", "2026-01-01T00:30:00Z", False),
        ("{f|hour|gte: 22}", "2026-01-01T22:30:00Z", True),
        ("{f|minute: 30}", 5, False),
        ("{f|month: 1}", "january", False),
        ("{f|day: 1}", "0001-01-01T00:30:00+14:00", False),
    ],
)
def test_a_value_matches_as_sigma_says(match: Match, selection: str, value: Any, expected: bool) -> None:
    assert match(selection, {"f": value}) is expected


def test_a_missing_field_is_false_and_its_not_is_true(match: Match) -> None:
    for leaf in (
        "{f: x}",
        "{f|re: x}",
        "{f: 5}",
        "{f|lt: 5}",
        "{f|cidr: 10.0.0.0/8}",
        "{f|fieldref: g}",
        "{f: 'a*b*'}",
    ):
        assert not match(leaf, {}), leaf
    assert match("{f|neq: x}", {})
    assert match("{f|fieldref|neq: g}", {"f": "x"})
    assert match("{f: null}", {})
    assert match("{f|exists: false}", {})


def test_another_field_of_the_same_event_is_compared_exactly(match: Match) -> None:
    assert match("{f|fieldref: g}", {"f": "u1", "g": "u1"})
    assert not match("{f|fieldref: g}", {"f": "U1", "g": "u1"})
    assert match("{f|fieldref: g}", {"f": 5, "g": "5"})
    assert match("{f|fieldref|endswith: g}", {"f": "a/u1", "g": "u1"})
    assert match("{f|fieldref|contains: g}", {"f": "a/u1/b", "g": ["x", "u1"]})


def test_keywords_are_looked_for_in_the_whole_request(match: Match) -> None:
    event = {
        "http.request.method": "POST",
        "url.original": "/a?b=${jndi:ldap://x}",
        "user_agent.original": "curl/8",
        "http.response.status_code": 200,
    }
    assert match("{'|all': [POST, 200, '${JNDI:', 'curl*8']}", event)
    assert not match("['jndi:dns']", event)
    assert not match("[x]", {"event.action": "x"})


def test_names_of_web_logs_reach_our_fields(match: Match) -> None:
    event = {
        "http.request.method": "_OTHER",
        "http.request.method_original": "PROPFIND",
        "url.original": "/a/b.PHP?x=%27",
        "url.path": "/a/b.PHP",
        "http.response.status_code": 404,
        "http.request.referrer": "https://e.example/",
        "client.ip": "192.0.2.1",
    }
    for selection in (
        "{cs-method: propfind}",
        "{cs-uri-query|endswith: 'x=%27'}",
        "{c-uri|startswith: '/a'}",
        "{cs-uri-stem: /a/b.php}",
        "{c-uri-extension: php}",
        "{sc-status: 404}",
        "{cs-referer|contains: e.example}",
        "{c-ip|cidr: 192.0.2.0/24}",
        "{cs-cookie: null}",
    ):
        assert match(selection, event), selection


def test_no_value_however_strange_raises() -> None:
    tests = [
        compile_node(node)
        for node in (
            Text("f", "contains", ("x",)),
            Glob("f", "(?s:a.*)"),
            Regex("f", "x"),
            Number("f", 5),
            Compare("f", "lt", 5),
            Compare("f", "lt", 5, "week"),
            Part("f", "year", 5),
            Truth("f", value=True),
            Cidr("f", "10.0.0.0/8"),
            Ref("f", "is", "g"),
            Not(Text("f", "is", ("x",))),
        )
    ]
    values = [
        None,
        "",
        "\ud800",
        "9" * 5000,
        -(2**60),
        1e300,
        [],
        [None, [1]],
        {},
        {"a": {"b": [None]}},
        True,
        "1e5",
    ]
    for value in values:
        for test in tests:
            assert test(View({"f": value, "g": value, "@timestamp": value})) in (True, False)


def test_numbers_times_and_addresses_are_read_strictly() -> None:
    assert [number_of(v) for v in ("1_000", " 5", "0x10", "nan", "1.5", "-3")] == [
        None,
        None,
        None,
        None,
        1.5,
        -3,
    ]
    assert part_of("2026-13-01T00:00:00Z", "month") is None
    assert address("10.0.0.1/8") is None
    assert texts_of([1, None, "a", True]) == ("1", "a", "true")


_parts = st.lists(
    st.one_of(st.text("ab", min_size=1, max_size=3), st.sampled_from([0, 1])), min_size=1, max_size=6
)


@given(parts=_parts, text=st.text("ab", max_size=10))
def test_wildcards_agree_with_the_shells(parts: list[str | int], text: str) -> None:
    shell = "".join({0: "*", 1: "?"}.get(p, p) if isinstance(p, int) else p for p in parts)
    assert (re.fullmatch(_glob(parts), text) is not None) == (
        re.match(glob_translate(shell), text) is not None
    )


def test_a_hostile_text_costs_one_pass_a_wildcard() -> None:
    # Without atomic groups this would take longer than anybody waits.
    pattern = compile_node(Glob("f", _glob(["a", 0, "a", 0, "a", 0, "a", 0, "a", 0, "b"])))
    assert not pattern(View({"f": "a" * 60_000}))


# --- the public rules

_LINE = re.compile(
    r'(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^]]+)\] "(?P<method>\S+) (?P<target>\S+)'
    r' HTTP/(?P<version>[\d.]+)"'
    r' (?P<status>\d+) \S+ "(?P<referrer>[^"]*)" "(?P<agent>.*)"$'
)
# What Sealtrail never records: cookies are secrets, and whom a proxy called is not the request's.
NEVER_RECORDED = ["cs-cookie", "dst_ip"]


def _request(line: str) -> Fields | None:
    found = _LINE.match(line)
    if found is None:
        return None
    fields: Fields = {
        "sealtrail.kind": "request",
        "client.ip": found["ip"],
        "http.request.method": found["method"],
        "url.original": found["target"],
        "url.path": found["target"].partition("?")[0],
        "http.version": found["version"],
        "http.response.status_code": int(found["status"]),
    }
    for name, value in (
        ("http.request.referrer", found["referrer"]),
        ("user_agent.original", found["agent"]),
    ):
        if value not in ("-", ""):
            fields[name] = value
    return fields


@pytest.mark.corpus
def test_all_public_web_rules_load_and_name_fields_we_have(corpora: Path) -> None:
    ruleset = load([corpora / "data" / "sigma_web"], pack=False)
    assert (len(ruleset.rules), list(ruleset.refused)) == (142, [])
    assert unknown_fields(ruleset.fields) == NEVER_RECORDED
    dead = [
        rule for rule in ruleset.rules if all(leaf.field in NEVER_RECORDED for leaf in leaves(rule.condition))
    ]
    assert dead == []


def _attack(line: str) -> Fields:
    request = json.loads(line)
    headers = {name.lower(): value for name, value in request["hdr"].items()}
    names = {"user-agent": "user_agent.original", "referer": "http.request.referrer", "host": "url.domain"}
    return {
        "sealtrail.kind": "request",
        "http.request.method": request["method"],
        "url.original": request["uri"],
        "url.path": request["uri"].partition("?")[0],
        "http.response.status_code": 200,
        **{ours: str(headers[name]) for name, ours in names.items() if name in headers},
    }


class Oracle:
    """A public rule asked in the plainest way, with nothing of ours and nothing of pySigma."""

    def __init__(self, text: str) -> None:
        detection = yaml.safe_load(text)["detection"]
        condition = str(detection.pop("condition"))
        self._detection = detection
        for quantified in re.findall(r"(?:1|all) of [\w*]+", condition):
            quantity, pattern = quantified.split(" of ")
            names = [n for n in detection if fnmatchcase(n, "*" if pattern == "them" else pattern)]
            joined = (" and " if quantity == "all" else " or ").join(names)
            condition = condition.replace(quantified, f"({joined})", 1)
        self._condition = compile(condition, "condition", "eval")

    def __call__(self, event: Fields) -> bool:
        known = {name: self._selection(one, event) for name, one in self._detection.items()}
        return bool(eval(self._condition, {}, known))

    def _selection(self, one: Any, event: Fields) -> bool:
        if isinstance(one, dict):
            return all(self._item(key, value, event) for key, value in one.items())
        if any(isinstance(part, dict) for part in one):
            return any(self._selection(part, event) for part in one)
        return self._item("", one, event)

    def _item(self, key: str, value: Any, event: Fields) -> bool:
        name, *modifiers = key.split("|")
        actual = self._value(name, event)
        values = value if isinstance(value, list) else [value]
        results = [self._one(actual, one, modifiers or ([] if name else ["contains"])) for one in values]
        if not name and modifiers == ["all"]:
            return all(self._one(actual, one, ["contains"]) for one in values)
        return all(results) if "all" in modifiers else any(results)

    @staticmethod
    def _value(name: str, event: Fields) -> str | None:
        path = str(event["url.path"])
        if name == "":
            return "\n".join(
                str(v) for k, v in event.items() if k not in ("sealtrail.kind", "client.ip", "url.path")
            )
        if name == "c-uri-extension":
            last = path.rsplit("/", 1)[-1]
            return last.rsplit(".", 1)[1] if "." in last else None
        if name in ("cs-uri-query", "c-uri", "cs-uri", "c-uri-query"):
            return str(event["url.original"])
        ours = {
            "cs-method": "http.request.method",
            "sc-status": "http.response.status_code",
            "cs-uri-stem": "url.path",
            "c-useragent": "user_agent.original",
            "cs-user-agent": "user_agent.original",
            "cs-host": "url.domain",
            "cs-referer": "http.request.referrer",
        }.get(name, name)
        return None if event.get(ours) is None else str(event[ours])

    @staticmethod
    def _one(actual: str | None, wanted: Any, modifiers: list[str]) -> bool:
        if actual is None or wanted is None:
            return actual is None and wanted is None
        if "re" in modifiers:
            return re.search(wanted, actual) is not None
        if "cidr" in modifiers:
            return False
        pattern = re.sub(r"\\([*?\\])", lambda m: f"[{m[1]}]", str(wanted).replace("[", "[[]"))
        pattern = ("*" if {"contains", "endswith"} & set(modifiers) else "") + pattern
        pattern += "*" if {"contains", "startswith"} & set(modifiers) else ""
        return fnmatchcase(actual.lower(), pattern.lower())


@pytest.mark.corpus
def test_public_rules_find_what_a_plain_reading_of_them_finds(corpora: Path) -> None:
    """Every public rule over real traffic and attack requests of the Core Rule Set, against the oracle."""
    data = corpora / "data"
    ruleset = load([data / "sigma_web"], pack=False)
    lines = (data / "apache_logs.log").read_text(errors="replace").splitlines()
    events = [event for line in lines[::5] if (event := _request(line)) is not None]
    events += [_attack(line) for line in (data / "crs_requests.jsonl").read_text().splitlines()]
    tests = [compile_node(rule.condition) for rule in ruleset.rules]
    found = [{n for n, test in enumerate(tests) if test(view)} for view in map(View, events)]
    # The oracle is slow: it judges some events of every kind that was found, and a sample of all others.
    seen: Counter[frozenset[int]] = Counter()
    chosen = []
    for number, (event, hits) in enumerate(zip(events, found, strict=True)):
        seen[frozenset(hits)] += 1
        if number % 40 == 0 or (hits and seen[frozenset(hits)] <= 4):
            chosen.append((event, hits))
    oracles = [Oracle(Path(rule.head.file).read_text()) for rule in ruleset.rules]
    wrong = [
        (event, hits)
        for event, hits in chosen
        if {n for n, oracle in enumerate(oracles) if oracle(event)} != hits
    ]
    assert wrong == []
    assert len(set().union(*found)) >= 12


class Maker:
    """An event that meets a condition, put together from the values the condition asks for."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, list[str]]] = {}
        self.values: Fields = {}

    def meet(self, node: Node) -> bool:
        """False where the condition asks for what cannot be made here, or for a field never recorded."""
        match node:
            case And():
                return all(self.meet(arg) for arg in node.args)
            case Or():
                return any(self.meet(arg) for arg in node.args)
            case Not(arg=Null(field=name)):
                self.values[name] = "x"
                return True
            case Not() | Null():
                return True
            case Text() if node.field not in NEVER_RECORDED:
                self.parts.setdefault(node.field, {}).setdefault(node.op, []).append(node.values[0])
                return True
            case Number():
                self.values[node.field] = node.number
                return True
            case _:
                return False

    def event(self) -> Fields:
        event = dict(self.values)
        for name, ops in self.parts.items():
            whole = ops.get("is", [""])[0]
            text = whole or "".join(
                ops.get("startswith", [])[:1] + ops.get("contains", []) + ops.get("endswith", [])[:1]
            )
            event[{"sealtrail.raw": "message", "url.extension": "url.path"}.get(name, name)] = (
                f"/file.{text}" if name == "url.extension" else text
            )
        return event


@pytest.mark.corpus
def test_every_public_rule_matches_an_event_made_for_it(corpora: Path) -> None:
    ruleset = load([corpora / "data" / "sigma_web"], pack=False)
    made, silent = 0, []
    for rule in ruleset.rules:
        maker = Maker()
        if maker.meet(rule.condition):
            made += 1
            if not matcher(rule.condition)(maker.event()):
                silent.append((rule.head.file, maker.event()))
    assert silent == []
    assert made >= 125
