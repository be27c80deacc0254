"""What of Sigma is refused, and how values and modifiers become leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.rule import Ruleset
from sealtrail.detect.tree import (
    Cidr,
    Compare,
    Exists,
    Glob,
    Node,
    Not,
    Null,
    Number,
    Part,
    Ref,
    Regex,
    Text,
    Truth,
)

Good = Callable[[str], Ruleset]
Detection = Callable[[str], str]


@pytest.fixture
def node(good: Good, detection: Detection) -> Callable[[str], Node]:
    return lambda selection: good(detection(f"s: {selection}\ncondition: s")).rules[0].condition


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("{f: Foo}", Text("f", "is", ("foo",))),
        ("{f: [Foo, BAR]}", Text("f", "is", ("foo", "bar"))),
        ("{f|contains: Foo}", Text("f", "contains", ("foo",))),
        ("{f|startswith: Foo}", Text("f", "startswith", ("foo",))),
        ("{f|endswith: Foo}", Text("f", "endswith", ("foo",))),
        ("{f|contains|cased: Foo}", Text("f", "contains", ("Foo",), cased=True)),
        (r"{f: 'a\*b'}", Text("f", "is", ("a*b",))),
        (r"{f: 'a\\*'}", Text("f", "startswith", ("a\\",))),
        ("{f: 'a**b?c'}", Glob("f", r"(?s:a.*b.c)")),
        ("{f: '*'}", Exists("f")),
        ("{f: ''}", Text("f", "is", ("",))),
        ("{f: null}", Null("f")),
        ("{f: 5}", Number("f", 5)),
        ("{f: 5.5}", Number("f", 5.5)),
        ("{f: true}", Truth("f", value=True)),
        ("{f|exists: true}", Exists("f")),
        ("{f|exists: false}", Null("f")),
        ("{f|re: 'a+?b'}", Regex("f", "a+?b")),
        ("{f|re|i|m|s: ab}", Regex("f", "ab", "ims")),
        ("{f|cidr: 10.0.0.0/8}", Cidr("f", "10.0.0.0/8")),
        ("{f|lt: 5}", Compare("f", "lt", 5)),
        ("{f|gte: 2.5}", Compare("f", "gte", 2.5)),
        ("{f|hour: 3}", Part("f", "hour", 3)),
        ("{f|hour|gte: 22}", Compare("f", "gte", 22, "hour")),
        ("{f|fieldref: g}", Ref("f", "is", "g")),
        ("{f|fieldref|startswith: g}", Ref("f", "startswith", "g")),
        ("{f|fieldref|contains: c-ip}", Ref("f", "contains", "client.ip")),
        ("{f|neq: x}", Not(Text("f", "is", ("x",)))),
        ("{f|base64: ab}", Text("f", "is", ("ywi=",))),
        ("{f|utf16le|base64: a}", Text("f", "is", ("yqa=",))),
        ("[Foo, 7]", Text("sealtrail.raw", "contains", ("foo", "7"))),
        ("['a*b']", Glob("sealtrail.raw", r"(?s:(?>.*?a)(?>.*?b).*)")),
    ],
)
def test_a_value_becomes_the_leaf_it_means(
    node: Callable[[str], Node], selection: str, expected: Node
) -> None:
    assert node(selection) == expected


def test_offsets_and_dashes_are_alternatives_even_under_all(
    match: Callable[[str, dict[str, str]], bool],
) -> None:
    import base64

    text = base64.b64encode(b"xx/bin/sh -c whoami").decode()
    assert match("{f|base64offset|contains|all: [/bin/sh, whoami]}", {"f": text})
    assert not match("{f|base64offset|contains|all: [/bin/sh, passwd]}", {"f": text})
    assert match("{f|windash|contains|all: [' -a', ' -b']}", {"f": "x /a -b"})


@pytest.mark.parametrize(
    ("selection", "word"),
    [
        ("{f: []}", "empty"),
        ("{}", "empty"),
        ("[]", "empty"),
        ("{f: {g: 1}}", "mapping"),
        ("{f: [[1]]}", "mapping"),
        ("{f|expand: '%list%'}", "expand"),
        ("{f|unknown: 1}", "unknown"),
        ("{f|re: '('}", "invalid"),
        ("{f|re: ''}", "empty"),
        ("{f|re: 5}", "empty"),
        ("{f|re: '(a+)+$'}", "repeats a repeat"),
        ("{f|re: '((x*)y)*'}", "repeats a repeat"),
        ("{f|re: '(a+){2,}'}", "repeats a repeat"),
        ("{f|re|startswith: a}", "anchor"),
        ("{f|cidr: 10.0.0.1/8}", "host bits"),
        ("{f|contains: 5}", "incompatible"),
        ("{f|gt: abc}", "incompatible"),
        ("{f|base64: 'a*'}", "base64"),
        (r"{f|base64: 'a\?'}", "base64"),
        ("{f|base64offset: 'ä'}", "ASCII"),
        ("{f|utf16|base64: a}", "byte order mark"),
        ("[null]", "null"),
    ],
)
def test_what_would_be_done_wrongly_is_refused_with_its_line(
    why: Callable[[str], str], detection: Detection, selection: str, word: str
) -> None:
    reason = why(detection(f"s: {selection}\ncondition: s"))
    assert word in reason
    assert reason.startswith("rules.yml:5: ")


def test_repeats_that_cannot_explode_are_let_in(node: Callable[[str], Node]) -> None:
    for pattern in (
        r"\?d=[0-9]{1,3}\.[0-9]{1,3}",
        r"(?:ab)+c*",
        r"(a|b)*",
        r"[+*(]+x",
        r"\(a+\)+",
        "(a+){2}",
    ):
        assert isinstance(node(f"{{f|re: '{pattern}'}}"), Regex)


def test_a_mistake_deep_in_a_selection_is_found_on_its_own_line(
    why: Callable[[str], str], detection: Detection
) -> None:
    reason = why(detection("s:\n  - f: 1\n  - g|contains: x\n    h|contains: 5\ncondition: s"))
    assert reason.startswith("rules.yml:8: ")
    assert "h|contains" in reason
