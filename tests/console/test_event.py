from __future__ import annotations

import html
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event.fields import COLLECTOR_KEYS, ORDER

Serving = Callable[..., AbstractContextManager[Any]]

EVENT = {
    "@timestamp": "2026-11-24T08:00:00Z",
    "event.action": "invoice.read",
    "user.id": '"><img src=x onerror=alert(1)>',
    "client.ip": "203.0.113.9",
    "http.request.id": "r1",
    "message": "long " * 2000,
    "label": {"a": ["<b>", None, 1.5]},
}


@pytest.fixture
def console(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.05\n") as made:
        yield made


@pytest.fixture
def place(console: Any) -> str:
    """Where one event was put, when it is under a checkpoint."""
    receipts = console.send(EVENT).json()["receipts"]
    (receipt,) = [one for one in receipts if one["ranges"]]
    console.served.collector.settle()
    address = f"{receipt['trail']}/{receipt['ranges'][0][0]}"
    end = time.monotonic() + 30
    while console.get(f"/api/v1/proof/{address}", "analyst").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    return address


def test_every_field_is_shown_as_text_and_can_be_asked_for(place: str, person: Callable[..., Any]):
    page = person("viewer").get(f"/events/{place}").text
    assert "<img" not in page.replace('<img src="/static/', "")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "(10,000 characters; all of them are below)" in page
    assert 'aria-label="Only this client.ip"' in page
    assert "[&#34;&lt;b&gt;&#34;,null,1.5]" in page


def test_its_place_is_verified_when_it_is_looked_at(place: str, person: Callable[..., Any]):
    page = person("viewer").get(f"/events/{place}").text
    assert '<span class="tag good">verified</span>' in page
    assert f"<code>{place}</code> is under the checkpoint of" in page


def test_without_the_key_nothing_is_called_verified(console: Any, place: str, person: Callable[..., Any]):
    trail = place.partition("/")[0]
    (console.data / f"keys/{trail}.vkey").unlink()
    page = person("viewer").get(f"/events/{place}").text
    assert "could not check" in page
    assert ">verified<" not in page


def test_with_another_key_it_is_called_tampered(console: Any, place: str, person: Callable[..., Any]):
    trail, other = ("access", "audit") if place.startswith("access") else ("audit", "access")
    keys = console.data / "keys"
    (keys / f"{trail}.vkey").write_bytes((keys / f"{other}.vkey").read_bytes())
    page = person("viewer").get(f"/events/{place}").text
    assert '<span class="tag bad">tampered</span>' in page


def test_what_is_downloaded_verifies_with_the_command_that_is_shown(
    console: Any, place: str, person: Callable[..., Any], tmp_path: Path
):
    me, name = person("analyst"), place.replace("/", "-")
    trail = place.partition("/")[0]
    page = me.get(f"/events/{place}").text
    command = f"sealtrail verify {name}.tlog-proof --entry {name}.json --key {trail}.vkey"
    assert command in page
    (tmp_path / f"{name}.tlog-proof").write_bytes(me.get(f"/api/v1/proof/{place}").content)
    entry = me.get(f"/events/{place}/entry")
    assert entry.headers["content-disposition"] == f'attachment; filename="{name}.json"'
    (tmp_path / f"{name}.json").write_bytes(entry.content)
    (tmp_path / f"{trail}.vkey").write_bytes((console.data / f"keys/{trail}.vkey").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_viewer_is_offered_no_proof(place: str, person: Callable[..., Any]):
    assert 'tlog-proof" download' not in person("viewer").get(f"/events/{place}").text
    assert ">Proof</a>" in person("auditor").get(f"/events/{place}").text


@pytest.mark.parametrize("address", ["access/999999", "access/x", "nowhere/0", "audit/-1", "..%2f/0"])
def test_what_is_not_there_is_a_page_that_says_so(person: Callable[..., Any], address: str):
    answer = person("viewer").get(f"/events/{address}")
    assert answer.status_code == 404
    assert "<h1>" in answer.text


def test_fields_stand_in_the_order_of_the_vocabulary_and_the_collectors_last(
    place: str, person: Callable[..., Any]
):
    page = person("viewer").get(f"/events/{place}").text
    names = re.findall(r'<th scope="row"><code>(.*?)</code>', page)
    known = [one for one in names if one in ORDER and one not in COLLECTOR_KEYS]
    assert known == sorted(known, key=lambda name: ORDER[name])
    assert names[: len(known)] == known
    assert names[len(known)] == "label.a"
    assert names[-4:] == ["event.ingested", "sealtrail.source", "sealtrail.trail", "sealtrail.index"]


def test_long_bytes_are_cut_with_a_way_to_the_whole_for_every_reader(place: str, person: Callable[..., Any]):
    me = person("viewer")
    page = me.get(f"/events/{place}").text
    whole = me.get(f"/events/{place}/entry").text
    assert f"{len(whole) - 4000:,} more characters" in page
    assert f'href="/events/{place}/entry"' in page
    assert "long " * 900 not in page


def test_a_user_is_followed_to_before_and_after(place: str, person: Callable[..., Any]):
    page = html.unescape(person("viewer").get(f"/events/{place}").text)
    assert re.search(r"until=2026-11-24T08%3A00%3A00\.000000Z\">before<", page)
    assert re.search(r"since=2026-11-24T08%3A00%3A00\.000000Z\">after<", page)


def test_an_alert_leads_to_its_page_and_to_what_it_names_and_nowhere_else(
    console: Any, person: Callable[..., Any]
):
    named = ["access/3", "../alerts", "access/4?x=1"]
    (receipt,) = [
        one
        for one in console.send(
            {
                "@timestamp": "2026-11-24T08:00:00Z",
                "event.action": "note",
                "sealtrail.alert.id": "abc-1",
                "sealtrail.alert.events": named,
            }
        ).json()["receipts"]
        if one["ranges"]
    ]
    console.served.collector.settle()
    page = person("viewer").get(f"/events/{receipt['trail']}/{receipt['ranges'][0][0]}").text
    assert 'href="/alerts/abc-1"' in page
    assert re.findall(r"Events behind it: (.*?)</li>", page) == ['<a href="/events/access/3">access/3</a>']


def test_a_query_that_cannot_be_read_is_refused(place: str, person: Callable[..., Any]):
    assert person("viewer").get(f"/events/{place}", q="((").status_code == 400
