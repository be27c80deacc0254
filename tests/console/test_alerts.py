from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

Serving = Callable[..., AbstractContextManager[Any]]

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def moment() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture
def console(serving: Serving, tmp_path) -> Iterator[Any]:
    """Somebody tried SQL, and a hostile name failed to sign in ten times."""
    with serving(tmp_path / "data") as made:
        attack = {
            "event.action": "http.request",
            "http.request.method": "GET",
            "url.original": f"/items?id=1%27%20UNION%20SELECT%20pw&x={HOSTILE}",
            "http.response.status_code": 200,
            "client.ip": "203.0.113.9",
            "user.id": HOSTILE,
        }
        made.send({"@timestamp": moment(), **attack})
        login = {"event.action": "authn_login_fail", "client.ip": "203.0.113.77", "user.name": HOSTILE}
        made.send(*({"@timestamp": moment(), **login} for _ in range(10)))
        made.served.collector.settle()
        yield made


def alert_named(page: str, title: str) -> str:
    found = re.search(rf'href="(/alerts/[0-9a-f-]+)">{re.escape(title)}', page)
    assert found is not None, page
    return found[1]


def test_alerts_are_listed_and_filtered(person: Callable[..., Any]) -> None:
    me = person("viewer")
    page = me.get("/alerts").text
    assert "SQL injection" in page
    assert "Brute force of logins from one address" in page
    assert "SQL injection" not in me.get("/alerts", level="high").text
    assert "No alert is closed" in me.get("/alerts", state="closed").text
    assert "Brute force of logins" not in me.get("/alerts", rule="SQL injection").text
    assert "Acknowledge" not in page  # a viewer looks
    assert me.get("/alerts", state="nonsense").status_code == 400


def test_an_alert_says_why_it_matched_and_marks_what_was_found(person: Callable[..., Any]) -> None:
    me = person()
    page = me.get(alert_named(me.get("/alerts").text, "SQL injection")).text
    assert "<mark>UNION SELECT</mark>" in page
    assert "contains `union select`" in page
    assert "client.ip%3A203.0.113.9" in page  # the way to all there is of them
    assert re.search(r"href=\"/events/(access|audit)/\d+\"", page)
    assert "<img src=x" not in page
    assert "\u202e" not in page


def test_alerts_are_acknowledged_in_bulk_and_closed_with_a_reason(
    console: Any, person: Callable[..., Any]
) -> None:
    me = person("analyst")
    ids = re.findall(r'name="id" value="([^"]+)"', me.get("/alerts").text)
    assert len(ids) >= 2
    form = {"id": ids, "act": "ack", "state": "active", "reason": "looking"}
    page = me.post("/alerts", **form).text
    assert f"{len(ids)} alerts acknowledged" in page
    one = ids[0]
    refused = me.post("/alerts", id=one, act="close", back="one")
    assert refused.status_code == 400
    assert "needs a reason" in refused.text
    page = me.post("/alerts", id=one, act="close", back="one", reason="our own <test>").text
    assert "This alert is closed" in page
    assert "our own &lt;test&gt;" in page
    assert re.search(r"by (link:)?root: our own", page), page
    console.served.collector.settle()
    acts = console.get("/api/v1/search", q=f"sealtrail.alert.id:{one}").json()["events"]
    assert [act["event.action"] for act in acts] == ["sealtrail.alert.close", "sealtrail.alert.ack"]


def test_from_an_alert_an_address_is_blocked_and_the_block_undone(
    console: Any, person: Callable[..., Any]
) -> None:
    me = person("analyst")
    path = alert_named(me.get("/alerts").text, "SQL injection")
    alert = path.rpartition("/")[2]
    fields = {"alert": alert, "address": "203.0.113.9", "for": "1h"}
    page = me.post("/blocks", **fields, reason="ticket 7").text
    assert "203.0.113.9 is refused" in page
    assert "Undo the block" in page
    blocked = console.served.collector.guard.desk.blocks
    assert "203.0.113.9" in [one.address for one in blocked()]
    assert "ticket 7" in me.get("/blocks").text
    page = me.post("/blocks/undo", alert=alert, address="203.0.113.9", reason="mistake").text
    assert "undone" in page
    assert "Refuse 203.0.113.9" in page
    assert "203.0.113.9" not in [one.address for one in blocked()]


def test_who_may_only_read_and_who_comes_from_elsewhere_changes_nothing(
    console: Any, person: Callable[..., Any]
) -> None:
    viewer, analyst = person("viewer"), person("analyst")
    one = re.findall(r'name="id" value="([^"]+)"', analyst.get("/alerts").text)[0]
    assert viewer.post("/alerts", id=one, act="ack").status_code == 403
    assert viewer.post("/blocks", address="203.0.113.9", reason="x").status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    sent = analyst.http.post("/alerts", data={"id": one, "act": "ack"}, headers=foreign)
    assert sent.status_code == 403
    assert console.served.collector.guard.alerts.get(one).state == "open"


def test_what_is_not_there_and_what_says_nothing_are_refused_as_pages(person: Callable[..., Any]) -> None:
    me = person()
    assert me.get("/alerts/no-such-alert-at-all").status_code == 404
    assert "no alert was ticked" in me.post("/alerts", act="ack").text.lower()
    assert me.post("/alerts", act="dance", id="x").status_code == 400
