"""What watches over every browser test sees what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ADD = "document.body.insertAdjacentHTML('beforeend', '{}')"


@pytest.mark.parametrize(
    ("script", "faults"),
    [
        (
            "s = document.createElement('script'); s.text = '__ran = 1'; document.body.append(s)",
            {"policy: script-src-elem inline", "console: Executing inline script"},
        ),
        (
            ADD.format("<img src=/nothing onerror=__ran=1>"),
            {"policy: script-src-attr inline", "console: Executing inline event handler"},
        ),
        (
            ADD.format("<p style=color:red>x</p>"),
            {"policy: style-src-attr inline", "console: Applying inline"},
        ),
        (ADD.format("<img src=https://foreign.example/x>"), {"policy: img-src https://foreign.example/x"}),
        ("location = 'https://foreign.example/'", {"foreign: https://foreign.example/"}),
        ("setTimeout(() => { throw new Error('thrown') })", {"error: thrown"}),
        ("Promise.reject('left alone')", {"rejected: left alone"}),
        ("console.error('told')", {"console: told"}),
        ("setTimeout(() => alert('seen'))", {"dialog: seen"}),
        ("window.__ran = 'this'", {"ran: this"}),
    ],
)
def test_what_a_page_must_not_do_is_seen(
    unwatched: Callable[..., Any], console: Any, script: str, faults: set[str]
):
    visitor = unwatched(console)
    page = visitor.go("/sign-in")
    page.evaluate(f"() => {{ {script} }}")
    visitor.until(lambda: all(any(fault.startswith(one) for fault in visitor.faults) for one in faults))
    visitor.end()


def test_a_quiet_page_has_no_fault_and_what_was_excused_has_to_come(
    unwatched: Callable[..., Any], console: Any
):
    quiet = unwatched(console)
    quiet.go("/sign-in")
    assert quiet.end() == []
    waiting = unwatched(console)
    waiting.go("/sign-in")
    waiting.excuse("status of 401")
    assert waiting.end() == ["did not come: status of 401"]
    told = unwatched(console)
    told.go("/nothing-there", 404)
    assert told.end() == []


def test_a_picture_without_words_breaks_the_guidelines(unwatched: Callable[..., Any], console: Any):
    visitor = unwatched(console)
    page = visitor.go("/sign-in")
    assert visitor.axe() == []
    page.evaluate("document.querySelector('main').append(new Image(20, 20))")
    assert [found for found in visitor.axe() if found.startswith("image-alt")]
    visitor.end()
