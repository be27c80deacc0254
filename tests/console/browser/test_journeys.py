"""What people do at the console, found as they find it: by role and name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from flask import Flask
from playwright.sync_api import expect
from werkzeug.serving import make_server

from sealtrail.accounts import password
from sealtrail.flask import Sealtrail
from sealtrail.serve.people import people_of

Serving = Callable[..., AbstractContextManager[Any]]

WORDS = "correct horse battery"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture
def shop(spool: Path) -> Iterator[str]:
    """The address of an application in Flask that records into the spool."""
    app = Flask("shop")
    Sealtrail(app, service="shop", spool=spool)
    app.add_url_rule("/items/<int:number>", "item", lambda number: {"number": number})
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(serving: Serving, spool: Path, tmp_path: Path) -> Iterator[Any]:
    """A server that follows the spool, with nothing recorded yet."""
    spool.mkdir()
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.05\n", spools=[spool]) as made:
        yield made


@pytest.fixture
def alice(served: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server where somebody has a password."""
    monkeypatch.setattr(password, "_N", 16)
    people_of(served.data, create=True).add("alice", "viewer", WORDS)
    return served


def sign_in(page: Any, words: str = WORDS) -> None:
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(words)
    page.get_by_role("button", name="Sign in").click()


def test_from_the_first_run_to_the_first_event_and_to_its_page(served, shop, visit):
    page = visit(served).page
    page.goto(served.served.collector.link("root", "admin"))
    page.get_by_role("button", name="Sign in with this link").click()
    waiting = page.locator("first-event")
    expect(waiting).to_contain_text("Waiting for the first event")
    page.evaluate("document.body.dataset.loaded = 'once'")
    httpx.get(f"{shop}/items/7", headers={"X-Request-ID": "order-4711"})
    expect(waiting.get_by_role("status")).to_have_text("The first event is here.")
    assert page.evaluate("document.body.dataset.loaded") == "once"
    waiting.get_by_role("link", name="Look at it").click()
    expect(page.get_by_role("main")).to_contain_text("order-4711")
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_label("Query").fill("http.request.id:order-4711")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 event")
    page.locator("td.when").get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text("/items/7")


def test_a_password_lets_in_the_button_lets_out_and_a_wrong_one_is_said_so(alice, visit):
    visitor = visit(alice)
    page = visitor.go("/audit")
    expect(page).to_have_url(f"{alice.url}/sign-in?next=%2Faudit")
    visitor.excuse("status of 401")
    sign_in(page, "another one altogether")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit trail")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    visitor.go("/overview")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_without_script_one_signs_in_searches_and_reads(alice, visit):
    alice.send({"@timestamp": now(), "event.action": "invoice.read", "user.id": "ann", "message": "of May"})
    assert alice.served.collector.settle()
    page = visit(alice, java_script_enabled=False).go("/overview")
    sign_in(page)
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_label("Query").fill("user.id:ann")
    page.get_by_role("button", name="Search").click()
    page.locator("td.when").get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text("of May")


def test_the_keyboard_reaches_the_query_the_time_and_the_rows(served, visit):
    for number in range(3):
        served.send({"@timestamp": now(), "event.action": "invoice.read", "user.id": f"u{number}"})
    assert served.served.collector.settle()
    page = visit(served).sign_in().go("/search?q=event.action:invoice.read")
    page.keyboard.press("/")
    expect(page.get_by_label("Query")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_label("From", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    rows = page.locator("td.when").get_by_role("link")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("invoice.read")


def test_a_report_is_made_and_taken_away(served, tmp_path, visit):
    served.send({"@timestamp": now(), "event.action": "invoice.read", "user.id": "ann"})
    assert served.served.collector.settle()
    page = visit(served).sign_in("auditor", "aud").go("/reports")
    page.get_by_label("Framework").select_option("pci-dss-4.0.1")
    for label in ("First day (UTC)", "Last day, included"):
        page.get_by_label(label).fill(str(datetime.now(UTC).date()))
    page.get_by_role("button", name="Make the report").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("PCI DSS")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download (zip)").click()
    download.value.save_as(tmp_path / "report.zip")
    with ZipFile(tmp_path / "report.zip") as files:
        assert {"report.html", "report.json"} <= {Path(name).name for name in files.namelist()}
