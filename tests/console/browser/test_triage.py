"""An analyst's way, in a real browser: an alert, all there is of whoever it was, a block, and its undoing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

Serving = Callable[..., AbstractContextManager[Any]]

ATTACKER = "203.0.113.9"
SESSION = "5e55104a5e55104a"


@pytest.fixture
def attacked(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    """One session tried SQL after some ordinary requests; somebody else only looked around."""
    with serving(tmp_path / "data") as made:
        targets = ["/", "/items", "/items?id=1%27%20UNION%20SELECT%20password%20FROM%20users--"]
        for target in targets:
            for client, session in ((ATTACKER, SESSION), ("198.51.100.7", "another")):
                made.send(
                    {
                        "@timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                        "event.action": "http.request",
                        "http.request.method": "GET",
                        "url.original": target if client == ATTACKER else "/items",
                        "http.response.status_code": 200,
                        "client.ip": client,
                        "sealtrail.session.hash": session,
                    }
                )
        made.served.collector.settle()
        yield made


def test_from_an_alert_to_its_session_a_block_and_its_undoing(
    visit: Callable[..., Any], attacked: Any
) -> None:
    me = visit(attacked).sign_in("analyst", "ann")
    page = me.go("/overview")
    page.get_by_role("link", name="SQL injection").click()
    expect(page.get_by_role("heading", name="SQL injection", level=1)).to_be_visible()
    expect(page.locator("mark").first).to_have_text("UNION SELECT")

    page.get_by_role("link", name=SESSION).click()
    expect(page.get_by_role("textbox", name="Query")).to_have_value(f"sealtrail.session.hash:{SESSION}")
    expect(page.locator("[data-rows] tbody tr")).to_have_count(3)
    page.go_back()

    form = page.get_by_role("form", name="Block", exact=True)
    form.get_by_label("For").select_option("6h")
    form.get_by_label("Why").fill("ticket 4711")
    form.get_by_role("button", name="Block").click()
    expect(page.get_by_role("heading", name=f"{ATTACKER} is refused")).to_be_visible()
    assert [one.address for one in attacked.served.collector.guard.desk.blocks()] == [ATTACKER]

    page.get_by_label("Why undo it").fill("our own scanner")
    page.get_by_role("button", name="Undo the block").click()
    expect(page.get_by_role("heading", name=f"Refuse {ATTACKER}")).to_be_visible()
    expect(page.get_by_text("undone")).to_be_visible()
    assert attacked.served.collector.guard.desk.blocks() == []

    page.get_by_label("Reason; closing needs one").fill("our own scanner, ticket 4711")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("status")).to_have_text("This alert is closed.")
    page.get_by_role("link", name="All alerts").click()
    expect(page.get_by_text("No alert is not closed")).to_be_visible()
    assert me.axe() == []
    attacked.served.collector.settle()
    told = attacked.get(
        "/api/v1/search", q="event.action:sealtrail.alert.close or event.action:sealtrail.*block"
    ).json()
    assert {event["event.action"] for event in told["events"]} == {
        "sealtrail.alert.close",
        "sealtrail.block",
        "sealtrail.unblock",
    }


def test_many_are_ticked_by_keyboard_and_acknowledged_without_a_mouse(
    visit: Callable[..., Any], attacked: Any
) -> None:
    me = visit(attacked, java_script_enabled=True).sign_in("analyst", "ann")
    page = me.go("/alerts")
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 alert acknowledged.")
    assert me.axe() == []
