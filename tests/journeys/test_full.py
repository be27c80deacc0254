"""A spool that is full, behind real servers: what is let in, what is kept, and what is told afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealtrail.spool.layout import segment_name
from sealtrail.spool.loss import LOSS

LIMIT = 2 * 1024 * 1024
MIDDLE = LIMIT - LIMIT // 16  # within what is kept for acts


def fill(spool: Path, size: int) -> Path:
    """What an application that nobody collects from leaves behind."""
    spool.mkdir()
    full = spool / segment_name("other", 0)
    with full.open("wb") as file:
        file.truncate(size)
    return full


@pytest.mark.parametrize("stack", ["flask-gunicorn", "fastapi-uvicorn", "django-gunicorn"])
def test_who_must_record_everything_answers_503_until_there_is_room(tmp_path, start, monkeypatch, stack):
    monkeypatch.setenv("SEALTRAIL_SPOOL_BYTES", "2M")
    monkeypatch.setenv("SEALTRAIL_ON_FULL", "refuse")
    full = fill(tmp_path / "spool", LIMIT)
    server = start(tmp_path, stack)
    try:
        status, headers, body = server.request("GET", "/items/1", X_Request_ID="order-1")
        assert (status, headers["Retry-After"], headers["X-Request-ID"]) == (503, "5", "order-1")
        assert json.loads(body)["error"] == "unrecorded"
        assert b"number" not in body
        full.unlink()
        server.wait(lambda: server.request("GET", "/items/1")[0] == 200)
        loss, request = sorted(server.events(2), key=lambda event: event["sealtrail.seq"])
    finally:
        server.stop()
    assert (loss["event.action"], loss["service.name"]) == (LOSS, "shop")
    assert loss["sealtrail.details"]["refused"] >= 1
    assert (request["url.path"], request["sealtrail.seq"]) == ("/items/1", 1)


def test_otherwise_all_is_answered_and_acts_are_kept_the_longest(tmp_path, start, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_SPOOL_BYTES", "2M")
    full = fill(tmp_path / "spool", MIDDLE)
    server = start(tmp_path, "flask-gunicorn")
    try:
        assert [server.request("GET", "/items/1")[0] for _ in range(3)] == [200] * 3
        form = b"name=alice&password=x&why=y"
        kind = "application/x-www-form-urlencoded"
        assert server.request("POST", "/login", form, Content_Type=kind, X_Note="n")[0] == 401
        full.unlink()

        def is_told() -> bool:
            return server.request("GET", "/items/2")[0] == 200 and LOSS.encode() in b"".join(server.lines())

        server.wait(is_told)
        told = server.events(3)
    finally:
        server.stop()
    # Their numbers say that requests were lost before the two acts of the sign-in: three, unless some of them
    # ended, after their answer, only then.
    acts = [event for event in told if event["sealtrail.kind"] in {"authentication", "audit"}]
    first, second = (event["sealtrail.seq"] for event in acts[:2])
    assert 1 <= first < second <= 4
    (loss,) = [event for event in told if event["event.action"] == LOSS]
    assert loss["sealtrail.details"]["access"] == loss["sealtrail.seq"] - len(told_before(told, loss))
    assert loss["sealtrail.details"]["audit"] == 0


def told_before(told, loss):
    return [event for event in told if event["sealtrail.seq"] < loss["sealtrail.seq"]]
