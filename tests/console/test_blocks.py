from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def console(serving: Serving, tmp_path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        yield made


def test_an_address_is_blocked_shown_and_undone(person: Callable[..., Any]) -> None:
    me = person("analyst")
    assert "Nobody is refused" in me.get("/blocks").text
    page = me.post("/blocks", **{"address": "2001:db8::/64", "for": "6h", "reason": "<b>scan</b>"}).text
    assert "The address is refused" in page
    assert "2001:db8::/64" in page
    assert "&lt;b&gt;scan" in page
    assert "The block was undone" in me.post("/blocks/undo", address="2001:db8::/64", reason="over").text
    assert "was not blocked" in me.post("/blocks/undo", address="2001:db8::/64", reason="over").text


@pytest.mark.parametrize(
    "form",
    [
        {"address": "203.0.113.9"},
        {"reason": "x"},
        {"address": "127.0.0.1", "reason": "x"},
        {"address": "everybody", "reason": "x"},
        {"address": "203.0.113.9", "reason": "x", "for": "soon"},
    ],
)
def test_what_cannot_be_blocked_is_refused_with_a_reason(
    person: Callable[..., Any], form: dict[str, str]
) -> None:
    refused = person().post("/blocks", **form)
    assert refused.status_code == 400
    assert "Nobody is refused" in person().get("/blocks").text


def test_a_viewer_sees_the_list_and_no_buttons(person: Callable[..., Any]) -> None:
    page = person("viewer").get("/blocks").text
    assert "Refuse an address" not in page
