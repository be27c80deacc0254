from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_without_script_it_is_the_newest_and_a_link_looks_again(console: Any, person: Callable[..., Any]):
    console.send(
        {
            "@timestamp": "2026-11-24T08:00:00Z",
            "event.action": "made.by.test",
            "url.path": "/<b>",
            "user.id": "u\u202e1",
        }
    )
    console.served.collector.settle()
    page = person("viewer").get("/live", q="event.action:made.by.test").text
    assert "made.by.test" in page
    assert "/&lt;b&gt;" in page
    assert "u\\u202e1" in page
    assert "Look again" in page


def test_a_query_that_cannot_be_read_is_said_so_and_kept(person: Callable[..., Any]):
    answer = person().get("/live", q="((")
    assert answer.status_code == 400
    assert 'value="(("' in answer.text
    assert 'role="alert"' in answer.text


def test_heads_are_left_out_until_somebody_asks_for_them(person: Callable[..., Any]):
    me = person("viewer")
    assert 'data-query="not event.action:sealtrail.head"' in me.get("/live").text
    assert 'data-query="*"' in me.get("/live", q="*").text
