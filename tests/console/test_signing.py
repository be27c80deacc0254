from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sealtrail.accounts import password
from sealtrail.accounts.attempts import MAX_BY_PAIR
from sealtrail.serve.people import people_of

WORDS = "correct horse battery"
HTML = {"Accept": "text/html"}
SAME = {**HTML, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def alice(console: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(password, "_N", 16)
    people = people_of(console.data)
    if people.get("alice") is None:
        people.add("alice", "viewer", WORDS)
    return people


def enter(console: Any, headers: dict[str, str] = SAME, **fields: str) -> httpx.Response:
    with httpx.Client(base_url=console.url, timeout=20) as http:
        return http.post("/sign-in", data=fields, headers=headers)


def test_name_and_password_sign_in_and_the_button_signs_out(console: Any, alice: Any):
    with httpx.Client(base_url=console.url, headers=HTML, timeout=20) as http:
        answer = http.post("/sign-in", data={"name": "alice", "password": WORDS, "next": ""}, headers=SAME)
        assert (answer.status_code, answer.headers["location"]) == (303, "/overview")
        page = http.get("/overview")
        assert page.status_code == 200
        assert "alice" in page.text
        token = http.cookies["sealtrail-session"]
        assert http.post("/sign-out", headers=SAME).status_code == 200
        old = httpx.get(f"{console.url}/overview", cookies={"sealtrail-session": token}, headers=HTML)
        assert old.status_code == 303


def test_a_wrong_password_shows_the_form_again_and_says_nothing_of_who_exists(console: Any, alice: Any):
    pages = {enter(console, name=name, password="wrong").text for name in ("alice", "nobody-here")}
    statuses = {enter(console, name=name, password="wrong").status_code for name in ("alice", "nobody-here")}
    assert statuses == {401}
    assert len({page.split("This page was made at")[0] for page in pages}) == 1
    assert "do not belong together" in pages.pop()


def test_looking_at_a_link_does_not_use_it_up(console: Any):
    link = console.served.collector.link("root", "admin")
    for _ in range(3):
        assert httpx.get(link, headers=HTML).status_code == 200
    token = httpx.URL(link).params["link"]
    assert enter(console, link=token).status_code == 303
    assert enter(console, link=token).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [HTML, {**HTML, "Sec-Fetch-Site": "cross-site"}, {**HTML, "Origin": "https://evil.example"}],
)
def test_no_other_site_can_sign_a_browser_in(console: Any, headers: dict[str, str]):
    token = httpx.URL(console.served.collector.link("root", "admin")).params["link"]
    answer = enter(console, headers, link=token)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("/search?q=a%26b", "/search?q=a%26b"),
        ("", "/overview"),
        ("//evil.example", "/overview"),
        ("/\\evil.example", "/overview"),
        ("https://evil.example", "/overview"),
        ("javascript:alert(1)", "/overview"),
        ("/\nSet-Cookie: a=b", "/overview"),
        ("/\t/evil.example", "/overview"),
    ],
)
def test_after_the_sign_in_one_stays_here(console: Any, target: str, leads: str):
    token = httpx.URL(console.served.collector.link("root", "admin")).params["link"]
    assert enter(console, link=token, next=target).headers["location"] == leads


def test_a_second_sign_in_ends_the_session_that_the_browser_had(console: Any, person: Callable[..., Any]):
    browser = person("viewer")
    before = browser.http.cookies["sealtrail-session"]
    link = console.served.collector.link("root", "admin")
    assert browser.post("/sign-in", link=httpx.URL(link).params["link"]).status_code == 200
    after = browser.http.cookies["sealtrail-session"]
    desk = console.served.collector.signing_in
    assert desk.who(before) is None
    assert desk.who(after).role == "admin"


def test_the_token_of_a_link_is_shown_escaped(console: Any):
    given = {"link": '"><script>alert(1)</script>'}
    page = httpx.get(f"{console.url}/sign-in", params=given, headers=HTML).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_sign_ins_are_events_of_the_audit_trail(console: Any, person: Callable[..., Any]):
    person()
    query = "event.action:authn_login_success and service.name:sealtrail"
    found = console.get("/api/v1/search", q=query).json()
    assert found["events"][0]["sealtrail.auth.method"] == "link"
    assert found["events"][0]["client.ip"] == "127.0.0.1"


def test_guessing_a_password_of_the_console_is_an_alert(console: Any, alice: Any):
    statuses = [enter(console, name="dora", password="wrong").status_code for _ in range(7)]
    assert statuses == [401] * MAX_BY_PAIR + [429] * (7 - MAX_BY_PAIR)
    assert console.served.collector.settle()
    alerts = console.get("/api/v1/alerts", state="all").json()["alerts"]
    assert "Too many failed sign-ins to Sealtrail" in [alert["title"] for alert in alerts]
