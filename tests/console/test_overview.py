from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from sealtrail.console.overview import SPANS

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def console(serving: Serving, tmp_path) -> Iterator[Any]:
    """One for each test: what is in it is what is tested."""
    with serving(tmp_path / "data") as made:
        yield made


def test_before_the_first_event_it_says_how_to_send_one(person: Callable[..., Any]):
    page = person().get("/overview").text
    assert "Waiting for the first event" in page
    assert 'Sealtrail(app, service="shop")' in page


def test_the_first_event_ends_the_waiting_and_a_hostile_one_is_text(console: Any, person: Callable[..., Any]):
    hostile = "<script>alert(1)</script>"
    console.send(
        {
            "@timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "event.action": hostile,
            "user.id": "u1",
        }
    )
    console.served.collector.settle()
    page = person().get("/overview").text
    assert "Waiting for the first event" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>1</b> events" in page


def test_every_span_can_be_looked_at(person: Callable[..., Any]):
    me = person()
    for span in SPANS:
        assert me.get("/overview", span=span).status_code == 200


def test_looking_at_it_is_recorded(console: Any, person: Callable[..., Any]):
    person().get("/overview")
    assert console.served.collector.settle()
    found = console.get("/api/v1/search", q='event.action:sealtrail.read and user.id:"link:root"').json()
    assert found["events"][0]["sealtrail.details"]["door"] == "/overview"


def test_a_figure_of_nothing_is_calm_and_lists_lead_to_their_pages(person: Callable[..., Any]):
    page = person().get("/overview").text
    assert page.count('class="calm"') == 5
    assert '<h2><a href="/alerts">' in page
    assert '<h2><a href="/blocks">' in page
