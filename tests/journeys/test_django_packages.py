"""Django REST framework and django-axes as they are, through gunicorn."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("rest_framework", reason="Django REST framework is not here: make test-signins has it")
pytest.importorskip("axes", reason="django-axes is not here: make test-signins has it")

SHOP = (Path(__file__).parent / "shops" / "django_shop.py").read_text()
TOKEN = "Token a-token-of-anns-1234567890"
WRONG = "harbour-Pa55-wrong"


@pytest.fixture(scope="module")
def running(start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("packages"), "django-gunicorn", source=SHOP)
    yield server
    server.stop()


@pytest.fixture
def server(running) -> Any:
    running.forget()
    return running


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_who_is_known_by_a_token_is_who_acts(server) -> None:
    assert server.request("GET", "/orders", Authorization=TOKEN)[0] == 200
    (event,) = server.events(1)
    assert (event["user.id"], event["user.name"], event["http.route"]) == ("2", "ann", "/orders")
    assert event["sealtrail.auth.scheme"] == "token"


def test_a_refused_credential_is_told_with_the_class_that_refused_it(server) -> None:
    assert server.request("GET", "/orders", Authorization="Token planted-1")[0] == 401
    assert server.request("GET", "/keyed", X_Shop_Key="planted-2")[0] == 403
    events = server.events(4)
    by_token, by_key = [event for event in events if event["sealtrail.kind"] == "authentication"]
    assert (by_token["event.action"], by_token["event.reason"]) == ("authn_token_fail", "refused")
    assert by_token["sealtrail.auth.provider"] == "rest_framework.authentication.TokenAuthentication"
    assert (by_key["event.action"], by_key["sealtrail.auth.provider"]) == (
        "authn_token_fail",
        "shop_app.ByKey",
    )


def test_a_wrong_password_by_basic_is_a_login_that_failed_and_told_once(server) -> None:
    assert server.request("GET", "/orders", Authorization=basic("ann", WRONG))[0] == 401
    failed, request = sorted(server.events(2), key=lambda event: event["sealtrail.kind"])
    assert (failed["event.action"], len(failed["user.hash"])) == ("authn_login_fail", 32)
    assert request["http.response.status_code"] == 401


@pytest.mark.parametrize(
    ("path", "status", "by"),
    [("/orders", 401, None), ("/session", 403, "rest_framework.authentication.SessionAuthentication")],
)
def test_who_brings_nothing_is_asked_to_sign_in_also_where_that_is_a_403(server, path, status, by) -> None:
    assert server.request("GET", path)[0] == status
    asked, _ = sorted(server.events(2), key=lambda event: event["sealtrail.kind"])
    assert (asked["event.action"], asked["event.reason"]) == ("authn_required", "no_credentials")
    assert asked.get("sealtrail.auth.provider") == by


def test_who_is_known_and_may_not_is_told_as_such(server) -> None:
    assert server.request("GET", "/admins", Authorization=TOKEN)[0] == 403
    denied, _ = sorted(server.events(2), key=lambda event: event["sealtrail.kind"])
    assert (denied["event.action"], denied["user.name"]) == ("authz_fail", "ann")
    assert denied["sealtrail.policy.decision"] == "deny"
    assert denied["sealtrail.details"] == {"by": "rest_framework.authentication.TokenAuthentication"}


def test_who_is_throttled_is_told_once_a_while(server) -> None:
    statuses = [server.request("GET", "/seldom", Authorization=TOKEN)[0] for _ in range(5)]
    assert statuses == [200, 200, 429, 429, 429]
    (told,) = [event for event in server.events(6) if event["sealtrail.kind"] == "audit"]
    assert (told["event.action"], told["event.reason"]) == ("excess_rate_limit_exceeded", "throttled")
    assert (told["user.name"], told["event.outcome"]) == ("ann", "failure")
    assert int(told["sealtrail.details"]["retry_after"]) > 0


def test_an_account_that_is_locked_is_told_and_so_is_that_no_attempt_was_looked_at(server) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as http:
        form = http.get("/admin/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
        fields = {"username": "root", "csrfmiddlewaretoken": token}
        statuses = [
            http.post("/admin/login/", data={**fields, "password": password}).status_code
            for password in (WRONG, WRONG, WRONG, "boats-of-root")
        ]
    server.asked += 5
    assert statuses == [200, 200, 429, 429]
    events = [event for event in server.events(10) if event["sealtrail.kind"] == "authentication"]
    failed = [event for event in events if event["event.action"] == "authn_login_fail"]
    assert [event.get("event.reason") for event in failed] == [None, None, None, "locked"]
    (locked,) = [event for event in events if event["event.action"] == "authn_login_lock"]
    assert (locked["event.reason"], locked["sealtrail.auth.attempts"]) == ("max_attempts", 3)
    assert locked["user.hash"] == failed[0]["user.hash"]
    assert WRONG.encode() not in b"".join(server.lines())
