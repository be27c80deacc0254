from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        yield made


def test_a_hold_is_placed_listed_and_released_under_the_name_of_who_asks(server):
    auditor = server.as_("auditor")
    name = "key:" + server.keys["auditor"].split("_")[1]
    body = {"name": "case-17", "reason": "Alice v. Shop", "query": "user.id:alice", "from": "2026-01-01"}
    made = server.http.post("/api/v1/holds", json=body, headers=auditor)
    assert made.status_code == 201, made.text
    assert (made.json()["by"], made.json()["since"][:10]) == (name, "2026-01-01")
    (held,) = server.get("/api/v1/holds", "auditor").json()["holds"]
    assert held == made.json()
    assert held["address"].startswith("audit/")
    assert server.get("/api/v1/holds", "analyst").status_code == 403
    other = server.http.post("/api/v1/holds", json={**body, "query": "*"}, headers=auditor)
    assert (other.status_code, other.json()["error"]["code"]) == (400, "usage.argument")
    bad = server.http.post("/api/v1/holds", json={**body, "name": "x", "query": "("}, headers=auditor)
    assert (bad.status_code, bad.json()["error"]["code"][:6]) == (400, "query.")
    done = server.http.delete("/api/v1/holds/case-17", params={"reason": "settled"}, headers=auditor)
    assert (done.status_code, done.json()["released_why"]) == (200, "settled")
    again = server.http.delete("/api/v1/holds/case-17", params={"reason": "settled"}, headers=auditor)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "not-found.hold")
