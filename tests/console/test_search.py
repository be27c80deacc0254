from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Serving = Callable[..., AbstractContextManager[Any]]

EVENTS = [
    {
        "@timestamp": f"2026-11-24T08:{minute:02}:00Z",
        "event.action": "http.request",
        "event.outcome": "failure" if minute % 2 else "success",
        "user.id": f"u{minute % 3}",
        "client.ip": "203.0.113.9",
        "http.request.id": f"request-{minute}",
        "http.request.method": "GET",
        "url.path": f"/things/{minute}",
        "http.response.status_code": 500 if minute % 2 else 200,
    }
    for minute in range(30)
]


@pytest.fixture(scope="module")
def console(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("search") / "data") as made:
        assert made.send(*EVENTS).json()["accepted"] == len(EVENTS)
        made.served.collector.settle()
        yield made


def links(page: str) -> dict[str, str]:
    """What can be clicked: its text, and where it leads."""
    found = re.findall(r'<a[^>]*href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {re.sub(r"<.*?>", "", words).strip(): html.unescape(target) for target, words in found}


def asked(target: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def test_a_request_is_found_by_its_id(person: Callable[..., Any]):
    page = person("viewer").get("/search", q="http.request.id:request-7").text
    assert "<h1>1 event</h1>" in page
    assert "/things/7" in page


def test_a_click_on_a_value_asks_for_it_as_well(person: Callable[..., Any]):
    me = person("viewer")
    page = me.get("/search", q="http.response.status_code>=500", since="2026-11-24").text
    assert "<h1>15 events</h1>" in page
    target = links(page)["u1"]
    assert asked(target) == {"q": "http.response.status_code>=500 and user.id:u1", "since": "2026-11-24"}
    assert "<h1>5 events</h1>" in me.get(target).text


def test_a_bar_leads_to_its_own_period(person: Callable[..., Any]):
    me = person("viewer")
    page = me.get("/search", q="url.path:*", since="2026-11-24T08:00:00Z", until="2026-11-24T08:30:00Z").text
    bars = re.findall(r'<a href="([^"]*)" aria-label="([0-9:]+) - ([0-9:]+), (\d+) events?"', page)
    assert sum(int(count) for *_, count in bars) == 30
    target, _, _, count = bars[3]
    heading = "<h1>1 event</h1>" if count == "1" else f"<h1>{count} events</h1>"
    assert heading in me.get(html.unescape(target)).text


def test_the_address_is_the_state_and_a_permalink_is_absolute(person: Callable[..., Any]):
    me = person("viewer")
    target = links(me.get("/search", q="url.path:*", since="30d").text)["Permalink"]
    since = asked(target)["since"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", since)
    page = me.get(target).text
    assert f'value="{since}"' in page
    assert 'value="url.path:*"' in page


def test_older_pages_hold_every_event_once(console: Any, person: Callable[..., Any], monkeypatch):
    monkeypatch.setattr("sealtrail.console.search.ROWS", 12)
    me, target, seen = person("viewer"), "/search?q=url.path:*", []
    while target:
        page = me.get(target).text
        seen += re.findall(r"/things/(\d+)</td>", page)
        target = links(page).get("Older", "")
    assert sorted(seen, key=int) == [str(n) for n in range(30)]


def test_a_query_that_cannot_be_read_is_kept_and_pointed_at(person: Callable[..., Any]):
    answer = person("viewer").get("/search", q="user.id:(a")
    assert answer.status_code == 400
    assert 'value="user.id:(a"' in answer.text
    assert re.search(r"<pre>user\.id:\(a\n *\^</pre>", answer.text)


def test_where_nothing_is_found_it_says_what_would_be(person: Callable[..., Any]):
    me = person("viewer")
    page = me.get("/search", q="user.id:u1 and http.response.status_code:418", since="2026-11-24").text
    found = links(page)
    assert asked(found["10 without the last condition"])["q"] == "user.id:u1"
    late = me.get("/search", q="user.id:u1", since="2026-01-01", until="2026-01-02").text
    assert "10 at another time" in links(late)
    mistyped = me.get("/search", q="userid:u1").text
    assert "<code>user.id</code>" in mistyped
    assert "user.id" in me.get("/search", q="not id:u1 and (user.idd:x or client.ipp:y)").text


def test_only_who_may_export_is_offered_it(person: Callable[..., Any]):
    assert "CSV" in links(person("analyst").get("/search").text)
    assert "CSV" not in links(person("viewer").get("/search").text)


def test_no_row_is_told_by_colour_alone(person: Callable[..., Any]):
    page = person("viewer").get("/search", q="event.outcome:failure").text
    assert page.count('<span class="tag bad">failure</span>') == 15


def test_a_value_of_a_row_or_a_facet_can_be_left_out(person: Callable[..., Any]):
    me = person("viewer")
    page = me.get("/search", q="url.path:*").text
    for label, left in (
        ("Not user.id u1", 20),
        ("Not event.outcome failure", 15),
        ("Not http.response.status_code 500", 15),
        ("Not client.ip 203.0.113.9", 0),
        ("Not event.action http.request", 0),
    ):
        found = re.findall(f'href="([^"]*)" aria-label="{label}"', page)
        assert len(found) > 1, label
        assert len(set(found)) == 1, label
        assert f"<h1>{left} events</h1>" in me.get(html.unescape(found[0])).text


def test_what_is_at_fault_is_one_line_of_harmless_text_above_its_caret(person: Callable[..., Any]):
    me = person("viewer")
    for hostile in ("\u202euser.id:(a", "\nuser.id:(a"):
        page = me.get("/search", q=hostile).text
        plain = me.get("/search", q=hostile.replace(hostile[0], "x")).text
        assert "\u202e" not in page
        assert re.findall(r"<pre>.*\n( *)\^</pre>", page) == re.findall(r"<pre>.*\n( *)\^</pre>", plain)
    page = me.get("/search", since="so\n\u202eon").text
    assert re.search(r"<pre>so\\u000a\\u202eon\n\^</pre>", page)


def test_a_time_that_cannot_be_read_is_said_to_be_in_its_field(person: Callable[..., Any]):
    me = person("viewer")
    assert "In From: " in me.get("/search", q="*", since="soon").text
    assert "In Until: " in me.get("/search", q="*", since="1h", until="soon").text
    assert "In From: " not in me.get("/search", q="((", since="1h").text


def test_what_was_meant_is_a_click_away(person: Callable[..., Any]):
    me = person("viewer")
    target = links(me.get("/search", q="url.path:* and userid:u1").text)["user.id"]
    assert asked(target) == {"q": "url.path:* and user.id:u1"}
    assert "<h1>10 events</h1>" in me.get(target).text


def test_an_export_is_of_the_times_on_the_screen(person: Callable[..., Any]):
    me = person("analyst")
    found = links(me.get("/search", q="url.path:*", since="30d").text)
    for words in ("CSV", "JSONL"):
        assert re.fullmatch(r"\d{4}-.*T.*Z", asked(found[words])["since"])
        assert asked(found[words])["until"] == asked(found["Permalink"])["until"]


def test_what_a_clock_ahead_of_ours_sent_is_exported_too(console: Any, person: Callable[..., Any]):
    console.send({"@timestamp": "2099-01-01T00:00:00Z", "event.action": "early.bird"})
    console.served.collector.settle()
    me = person("analyst")
    page = me.get("/search", q="event.action:early.bird").text
    assert "early.bird" in me.get(links(page)["JSONL"]).text


def test_yesterday_ends_today(person: Callable[..., Any]):
    page = person("viewer").get("/search", q="url.path:*", since="yesterday", until="today").text
    assert asked(links(page)["yesterday"]) == {"q": "url.path:*", "since": "yesterday", "until": "today"}
    assert re.search(r'aria-current="true">yesterday<', page)


def test_an_event_keeps_the_query_it_was_found_by(person: Callable[..., Any]):
    me = person("viewer")
    page = me.get("/search", q="http.request.id:request-7").text
    (place,) = set(re.findall(r'class="when"><a href="(/events/[^"]*)"', page))
    assert asked(html.unescape(place)) == {"q": "http.request.id:request-7"}
    page = me.get(html.unescape(place)).text

    def to(label: str) -> str:
        (found,) = re.findall(f'href="([^"]*)" aria-label="{label}"', page)
        return asked(html.unescape(found))["q"]

    assert to("Only this user.id") == "user.id:u1"
    assert to("And this user.id") == "http.request.id:request-7 and user.id:u1"
    assert to("Not this user.id") == "http.request.id:request-7 and not user.id:u1"
    assert to("Where user.id exists") == "http.request.id:request-7 and user.id:*"
