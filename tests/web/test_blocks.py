from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealtrail.event import read

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        yield made


def block(server: Any, role: str = "analyst", **body: Any) -> httpx.Response:
    return server.http.post("/api/v1/blocks", json=body, headers=server.as_(role))


def unblock(server: Any, address: str, role: str = "analyst", **params: str) -> httpx.Response:
    return server.http.delete(f"/api/v1/blocks/{address}", params=params, headers=server.as_(role))


def acts(server: Any) -> list[dict[str, Any]]:
    told = [read(entry) for entry in server.served.collector.ledger.read("audit", 0, 1000)]
    return [one for one in told if one["event.action"] in {"sealtrail.block", "sealtrail.unblock"}]


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8:1:2::/64"])
def test_an_address_is_blocked_listed_and_let_go_again_under_a_name(server, address):
    made = block(server, address=address, reason="ticket 7", **{"for": "2h"})
    assert made.status_code == 201, made.text
    assert made.json()["address"] == address
    (listed,) = server.get("/api/v1/blocks").json()["blocks"]
    assert (listed["address"], listed["reason"], listed["until"][-1]) == (address, "ticket 7", "Z")
    assert listed["by"].startswith("key:")
    assert unblock(server, address, reason="a customer").json() == {"ended": True}
    assert unblock(server, address, reason="again").json() == {"ended": False}
    assert server.get("/api/v1/blocks").json() == {"blocks": []}
    assert [act["user.id"] for act in acts(server)] == [listed["by"]] * 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"address": "127.0.0.1", "reason": "r"}, 400, "usage.argument"),
        ({"address": "nobody", "reason": "r"}, 400, "usage.argument"),
        ({"address": "203.0.113.9", "reason": " "}, 400, "usage.argument"),
        ({"address": "203.0.113.9", "reason": "r", "for": "soon"}, 400, "query.time"),
        ({"address": "203.0.113.9", "reason": "r", "for": "400d"}, 400, "usage.argument"),
        ({"address": "203.0.113.9"}, 422, "body.unreadable"),
        ({"address": 1, "reason": "r"}, 422, "body.unreadable"),
        ({"address": "203.0.113.9", "reason": "r", "seconds": 3}, 422, "body.unreadable"),
        ({"address": "203.0.113.9", "reason": "r" * 20_000}, 413, "body.too-large"),
    ],
)
def test_what_cannot_be_blocked_says_why(server, body, status, code):
    answer = block(server, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert acts(server) == []


def test_an_unblock_needs_a_reason_and_an_address(server):
    assert unblock(server, "203.0.113.9").status_code == 400
    assert unblock(server, "nobody", reason="r").status_code == 400


def test_a_form_that_is_no_json_is_refused_with_the_header_to_send(server):
    answer = server.http.post(
        "/api/v1/blocks", data={"address": "203.0.113.9"}, headers=server.as_("analyst")
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "body.media-type")
    assert "Content-Type: application/json" in answer.json()["error"]["hint"]


def test_only_who_responds_may_block(server):
    assert block(server, "auditor", address="203.0.113.9", reason="r").status_code == 403
    assert unblock(server, "203.0.113.9", "viewer", reason="r").status_code == 403


def test_a_list_that_is_known_is_not_sent_again(server):
    first = server.get("/api/v1/blocks")
    same = server.http.get(
        "/api/v1/blocks", headers={**server.as_("viewer"), "If-None-Match": first.headers["ETag"]}
    )
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    block(server, address="203.0.113.9", reason="r")
    other = server.http.get(
        "/api/v1/blocks", headers={**server.as_("viewer"), "If-None-Match": first.headers["ETag"]}
    )
    assert other.status_code == 200


def waiting(server: Any, tag: str) -> tuple[threading.Thread, list[httpx.Response]]:
    """Somebody who waits for a change, from a thread."""
    answers: list[httpx.Response] = []
    headers = {**server.as_("viewer"), "If-None-Match": tag}
    asked = threading.Thread(
        target=lambda: answers.append(
            httpx.get(f"{server.url}/api/v1/blocks?wait=60", headers=headers, timeout=90)
        )
    )
    asked.start()
    return asked, answers


def test_who_waits_is_told_of_a_change_and_at_the_stop_of_the_server(serving, tmp_path):
    with serving(tmp_path / "data") as server:
        thread, answers = waiting(server, server.get("/api/v1/blocks").headers["ETag"])
        block(server, address="203.0.113.9", reason="r")
        thread.join(60)
        assert [one["address"] for one in answers[0].json()["blocks"]] == ["203.0.113.9"]
        asked = server.served._server.server_state.tasks
        while asked:
            time.sleep(0.01)
        thread, answers = waiting(server, answers[0].headers["ETag"])
        while not asked:
            time.sleep(0.01)
    thread.join(60)
    assert [answer.status_code for answer in answers] == [304]
