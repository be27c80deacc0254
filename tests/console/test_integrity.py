from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def console(serving: Serving, tmp_path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        yield made


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def verified(console: Any) -> None:
    until(lambda: not console.served.collector.checking.running)
    console.served.collector.settle()


def test_what_was_never_checked_is_not_called_intact(person: Callable[..., Any]):
    page = person().get("/integrity").text
    assert "not checked" in page
    assert ">intact<" not in page


def test_the_button_verifies_everything_and_the_finding_is_an_event(console: Any, person: Callable[..., Any]):
    me = person("auditor")
    assert me.post("/integrity").status_code == 200
    verified(console)
    page = me.get("/integrity").text
    assert ">intact<" in page
    assert "Verified in full at" in page
    assert "link" not in me.get("/integrity").headers


def test_an_edited_byte_is_shown_as_tampered_with_its_place(console: Any, person: Callable[..., Any]):
    (active,) = (console.data / "trails/audit").glob("**/active*")
    data = active.read_bytes()
    place = data.index(b"sealtrail.started")
    active.write_bytes(data[:place] + b"S" + data[place + 1 :])
    me = person()
    me.post("/integrity")
    verified(console)
    page = me.get("/integrity").text
    assert "What is on disk contradicts what was signed" in page
    assert "entries were signed, and" in page
    assert "audit/0" in page


def test_a_viewer_sees_the_finding_and_has_no_button(person: Callable[..., Any]):
    me = person("viewer")
    assert "Verify everything" not in me.get("/integrity").text
    assert me.post("/integrity").status_code == 403


def test_the_checkpoint_and_the_key_are_there_to_be_kept_elsewhere(console: Any, person: Callable[..., Any]):
    page = person("viewer").get("/integrity").text
    vkey = (console.data / "keys/audit.vkey").read_text().strip()
    assert vkey in page
    assert 'href="/trails/audit/checkpoint"' in page


def test_a_collector_that_stands_alone_says_so_with_the_ways_out(console: Any, person: Callable[..., Any]):
    console.send({"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read"})
    page = person().get("/integrity").text
    assert "anchored only by what leaves this host" in page
    assert "--anchor-to" in page


def test_where_a_trail_is_anchored_stands_beside_it(serving: Serving, tmp_path, person_at: Any):
    (tmp_path / "elsewhere").mkdir()
    places = [str(tmp_path / "elsewhere"), str(tmp_path / "gone")]
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.0\n", anchors=places) as made:
        for place in made.served.collector.anchors.places:
            place.stop()  # it looks a last time before it ends
        until(lambda: all(one.at or one.since for one in made.served.collector.anchors.standing()))
        page = person_at(made).get("/integrity").text
    assert page.count(">anchored<") == 2
    assert page.count(">failing<") == 2
    assert "is it mounted?" in page
    assert "anchored only by what leaves" not in page
