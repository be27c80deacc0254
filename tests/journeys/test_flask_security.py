"""Flask-Security as it is: sign-ins, second factors and resets, by gunicorn, and a client with cookies."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("flask_security", reason="Flask-Security is not installed: make test-signins has it")

SHOP = (Path(__file__).parent / "shops" / "flask_security_shop.py").read_text()
WRONG = "harbour-Pa55-wrong"


@pytest.fixture(scope="module")
def running(start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("security"), "flask-gunicorn", source=SHOP)
    yield server
    server.stop()


class Browser:
    """Sends and wants JSON, keeps its cookies, and says what was told of sign-ins since it was asked last."""

    def __init__(self, server) -> None:
        self._server = server
        self._seen: set[str] = set()
        self._asked = 0
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30)

    def get(self, path: str) -> httpx.Response:
        self._count()
        return self.http.get(path, headers={"Accept": "application/json"})

    def post(self, path: str, **fields: Any) -> httpx.Response:
        self._count()
        return self.http.post(path, json=fields, headers={"Accept": "application/json"})

    def _count(self) -> None:
        self._asked += 1
        self._server.asked += 1

    def told(self) -> list[dict[str, Any]]:
        self._server.wait(lambda: len(self.requests()) >= self._asked)
        found = [e for e in self._server.recorded() if e["sealtrail.kind"] != "request"]
        new = [event for event in found if event["event.id"] not in self._seen]
        self._seen.update(event["event.id"] for event in new)
        return new

    def actions(self) -> list[str]:
        return [event["event.action"] for event in self.told()]

    def requests(self) -> list[dict[str, Any]]:
        return [e for e in self._server.recorded() if e["sealtrail.kind"] == "request"]

    def login(self, name: str, password: str = "") -> httpx.Response:
        return self.post("/login", email=f"{name}@shop.example", password=password or f"boats-of-{name}")


@pytest.fixture
def browser(running) -> Iterator[Browser]:
    running.forget()
    made = Browser(running)
    yield made
    made.http.close()
    running.forget()
    written = b"".join(running.lines())
    assert not any(secret in written for secret in (WRONG.encode(), b"boats-of-"))


def test_who_comes_in_is_told_with_the_way_and_acts_until_they_go(browser) -> None:
    assert browser.get("/orders").status_code == 401
    assert browser.login("ann").status_code == 200
    assert browser.get("/orders").status_code == 200
    assert browser.post("/logout").status_code == 200
    required, login, logout = browser.told()
    assert (required["event.action"], required["event.reason"]) == ("authn_required", "no_session")
    assert login["event.action"] == "authn_login_success"
    assert (login["user.name"], login["user.roles"]) == ("ann@shop.example", ["clerk"])
    assert (login["sealtrail.auth.method"], login["sealtrail.auth.provider"]) == (
        "password",
        "flask_security",
    )
    assert logout["event.action"] == "session_logout"
    _, entered, inside, left = browser.requests()
    assert {event["user.id"] for event in (login, logout, entered, inside, left)} == {login["user.id"]}
    assert inside["http.route"] == "/orders"
    assert len(inside["sealtrail.session.hash"]) == 32


def test_a_wrong_password_is_told_by_hash_and_a_name_of_nobody_only_as_a_request(browser) -> None:
    assert browser.login("ann", WRONG).status_code == 400
    assert browser.login("nobody", WRONG).status_code == 400
    (failed,) = browser.told()
    assert (failed["event.action"], failed["event.reason"]) == ("authn_login_fail", "bad_password")
    assert len(failed["user.hash"]) == 32
    assert not {"user.id", "user.name"} & set(failed)


def test_a_changed_password_is_told_once_and_is_no_login(browser) -> None:
    browser.login("bob")
    new = "boats-of-bob-2"
    fields = {"password": "boats-of-bob", "new_password": new, "new_password_confirm": new}
    assert browser.post("/change", **fields).status_code == 200
    assert browser.actions() == ["authn_login_success", "authn_password_change"]


def test_a_password_is_reset_by_a_link_of_which_only_a_hash_is_kept(browser, running) -> None:
    assert browser.post("/reset", email="cyd@shop.example").status_code == 200
    (token,) = re.findall(r"/reset/(\S+)", "\n".join(browser.get("/outbox").json()["mails"]))
    fields = {"password": "boats-of-cyd-2", "password_confirm": "boats-of-cyd-2"}
    assert browser.post(f"/reset/{token}", **fields).status_code == 200
    sent, changed, *rest = browser.told()
    assert (sent["event.action"], sent["sealtrail.details"]) == (
        "authn_token_created",
        {"scopes": ["password_reset"]},
    )
    assert (changed["event.action"], changed["event.reason"]) == ("authn_password_change", "reset")
    assert sent["sealtrail.auth.token_hash"]
    assert [event["event.action"] for event in rest] in ([], ["authn_login_success"])
    running.forget()
    assert token.encode() not in b"".join(running.lines())


def test_a_second_factor_is_told_when_it_is_set_up_right_and_wrong(browser) -> None:
    from passlib.totp import TOTP

    who = {"email": "dan@shop.example", "password": "boats-of-dan", "password_confirm": "boats-of-dan"}
    browser.post("/register", **who)
    assert browser.actions() == ["user_created", "authn_login_success"]
    state = browser.post("/tf-setup", setup="authenticator").json()["response"]
    totp = TOTP(state["tf_authr_b32key"])
    assert browser.post(f"/tf-setup/{state['tf_state_token']}", code=totp.generate().token).status_code == 200
    assert "user.mfa.update" in browser.actions()
    browser.post("/logout")
    browser.login("dan")
    assert browser.post("/tf-validate", code="000000").status_code == 400
    assert (
        browser.post("/tf-validate", code=totp.generate(time.time() + 30).token).status_code == 200
    )  # none twice
    told = browser.told()
    assert [event["event.action"] for event in told] == [
        *("session_logout", "authn_mfa_fail", "authn_mfa_success", "authn_login_success")
    ]
    _, wrong, right, login = told
    assert (wrong["event.reason"], len(wrong["user.hash"])) == ("bad_code", 32)
    assert right["sealtrail.auth.factors"] == login["sealtrail.auth.factors"] == ["authenticator"]
    assert (login["sealtrail.auth.mfa"], login["user.name"]) == (True, "dan@shop.example")
