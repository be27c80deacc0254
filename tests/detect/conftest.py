"""Rules and events in as few words as tests need."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent
from typing import Any

import pytest

from sealtrail.detect.match import matcher
from sealtrail.detect.read import compile_texts
from sealtrail.detect.rule import Ruleset


def rules(text: str) -> Ruleset:
    return compile_texts([("rules.yml", dedent(text))])


@pytest.fixture
def ruleset() -> Callable[[str], Ruleset]:
    """Compile a text of rules."""
    return rules


@pytest.fixture
def good() -> Callable[[str], Ruleset]:
    """Compile a text of rules none of which may be refused."""

    def compiled(text: str) -> Ruleset:
        found = rules(text)
        assert not found.refused, [str(error) for error in found.refused]
        return found

    return compiled


@pytest.fixture
def why() -> Callable[[str], str]:
    """The one reason why a text of rules is refused."""

    def reason(text: str) -> str:
        found = rules(text)
        assert len(found.refused) == 1, [str(error) for error in found.refused]
        return str(found.refused[0])

    return reason


def head(detection: str) -> str:
    return (
        "title: t\nid: 00000000-0000-4000-8000-000000000001\nlogsource: {category: application}\ndetection:\n"
        + indent(dedent(detection).strip("\n"), "  ")
        + "\n"
    )


@pytest.fixture
def detection() -> Callable[[str], str]:
    """A whole rule around the lines of a detection."""
    return head


@pytest.fixture
def match() -> Callable[[str, dict[str, Any]], bool]:
    """Whether a selection (flow mapping or list) matches an event."""

    def matches(selection: str, fields: dict[str, Any]) -> bool:
        found = rules(head(f"s: {selection}\ncondition: s"))
        assert not found.refused, [str(error) for error in found.refused]
        return matcher(found.rules[0].condition)(fields)

    return matches
