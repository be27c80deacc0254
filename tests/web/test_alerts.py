from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    """A server with one open alert: failed logins of now."""
    with serving(tmp_path / "data") as made:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        made.send(
            *(
                {
                    "@timestamp": f"{moment}.{number:06}Z",
                    "sealtrail.kind": "authentication",
                    "event.action": "authn_login_fail",
                    "client.ip": "203.0.113.9",
                }
                for number in range(12)
            )
        )
        assert made.served.collector.settle()
        yield made


def act(server: Any, path: str, role: str = "analyst", **body: Any) -> httpx.Response:
    return server.http.post(f"/api/v1/alerts{path}", json=body, headers=server.as_(role))


def listed(server: Any, **params: str) -> list[dict[str, Any]]:
    return list(server.get("/api/v1/alerts", **params).json()["alerts"])


def test_an_alert_is_listed_explained_acknowledged_closed_and_reopened_under_a_name(server):
    (one,) = listed(server)
    assert (one["level"], one["key"], one["state"]) == ("high", {"client.ip": "203.0.113.9"}, "open")
    why = server.get(f"/api/v1/alerts/{one['id'][:10]}").json()
    assert why["alert"]["id"] == one["id"]
    assert why["events"][0]["reasons"][0]["values"] == ["authn_login_fail"]
    assert act(server, f"/{one['id']}/ack").json() == {"changed": [one["id"]], "unchanged": []}
    assert act(server, f"/{one['id']}/ack").json() == {"changed": [], "unchanged": [one["id"]]}
    assert act(server, f"/{one['id']}/close", reason="a load test").json()["changed"]
    assert listed(server) == []
    assert server.get("/api/v1/alerts").json()["counts"] == {"open": 0, "acknowledged": 0, "closed": 1}
    (closed,) = listed(server, state="closed")
    name = "key:" + server.keys["analyst"].split("_")[1]
    assert [(one["action"], one["by"], one["reason"]) for one in closed["acts"]] == [
        ("sealtrail.alert.ack", name, ""),
        ("sealtrail.alert.close", name, "a load test"),
    ]
    assert act(server, f"/{one['id']}/reopen").json()["changed"] == [one["id"]]


def test_several_alerts_are_closed_at_once(server):
    (one,) = listed(server, level="high", rule="brute_force_by_address") or listed(server, level="high")
    done = act(server, "", act="close", ids=[one["id"], one["id"]], reason="ours").json()
    assert done == {"changed": [one["id"]], "unchanged": []}
    assert listed(server, level="low") == []


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/ffffffffffff/ack", {}, 404, "not-found.alert"),
        ("/ffffffffffff/close", {"reason": "x", "by": "somebody else"}, 422, "body.unreadable"),
        ("", {"act": "close", "ids": []}, 400, "usage.argument"),
        ("", {"act": "delete", "ids": ["x"]}, 422, "body.unreadable"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(server, path, body, status, code):
    answer = act(server, path, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert listed(server)[0]["state"] == "open"


def test_closing_needs_a_reason_and_a_role_that_responds(server):
    (one,) = listed(server)
    assert act(server, f"/{one['id']}/close").json()["error"]["code"] == "usage.argument"
    assert act(server, f"/{one['id']}/close", "auditor", reason="x").status_code == 403
    assert act(server, "", "viewer", act="ack", ids=[one["id"]]).status_code == 403


def test_a_list_can_be_asked_for_in_words_that_exist(server):
    assert server.get("/api/v1/alerts", state="new").status_code == 400
    assert server.get("/api/v1/alerts", level="huge").status_code == 400
    assert server.get("/api/v1/alerts/none").json()["error"]["code"] == "not-found.alert"
