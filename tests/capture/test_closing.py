"""`SEALTRAIL_ON_FULL=refuse`: closed while nothing can be recorded, whatever door is asked."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest

import sealtrail
from sealtrail.asgi import SealtrailMiddleware as Asgi
from sealtrail.capture import recorder
from sealtrail.capture.blocks import Blocks
from sealtrail.errors import UsageError
from sealtrail.event import decode
from sealtrail.spool import disk
from sealtrail.spool.layout import BlockList, publish_blocks, segment_name, segments
from sealtrail.spool.loss import LOSS
from sealtrail.testing import capture_events
from sealtrail.wsgi import SealtrailMiddleware as Wsgi

LIMIT = 2 * 1024 * 1024


@pytest.fixture(autouse=True)
def _setting(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setenv("SEALTRAIL_SPOOL", str(spool))
    monkeypatch.setenv("SEALTRAIL_SPOOL_BYTES", "2M")
    monkeypatch.setenv("SEALTRAIL_ON_FULL", "refuse")
    monkeypatch.setattr(disk, "_RETRY_SECONDS", 0.0)


class Site:
    """A WSGI application behind the middleware, and how often it ran."""

    def __init__(self) -> None:
        self.ran = 0
        self.within = lambda: None
        self.door = Wsgi(self.app, service="shop")
        self.spool = self.door.recorder.spool

    def app(self, environ, start_response):
        self.ran += 1
        self.within()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    def ask(self, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
        told: list[object] = []

        def start(status, headers, exc_info=None):
            told.extend((status, dict(headers)))

        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": "/",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.url_scheme": "http",
        }
        body = self.door(environ, start)
        whole = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        return told[0], told[1], whole


@pytest.fixture
def site():
    site = Site()
    yield site
    site.spool.close()


def fill(folder: Path, size: int = LIMIT) -> Path:
    full = folder / segment_name("other", 0)
    with full.open("wb") as file:
        file.truncate(size)
    return full


def look_again(spool: disk.Spool) -> None:
    """As after a mebibyte: the folder is looked at before the next event."""
    spool._settle()


def test_while_the_spool_is_full_no_request_reaches_the_application(site, spool, events):
    assert site.ask()[0] == "200 OK"
    full = fill(spool)
    look_again(site.spool)
    for _ in range(3):
        status, headers, body = site.ask()
        assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "5")
        assert int(headers["Content-Length"]) == len(body)
        told = json.loads(body)
        assert told["error"] == "unrecorded"
        assert told["request_id"] == headers["X-Request-ID"]
    assert site.ask("HEAD")[2] == b""
    assert (site.ran, site.spool.refused, site.spool.dropped) == (1, 4, 0)
    full.unlink()
    assert site.ask()[0] == "200 OK"
    first, loss, last = events()
    assert (first["event.action"], last["http.response.status_code"]) == ("http.request", 200)
    assert (loss["event.action"], loss["service.name"]) == (LOSS, "shop")
    assert loss["sealtrail.details"] == {
        "access": 0,
        "audit": 0,
        "refused": 4,
        "causes": {"the spool folder is full": 4},
    }


def test_requests_that_were_under_way_when_it_filled_up_are_recorded_in_the_reserve(site, spool, events):
    def within():
        fill(spool, LIMIT - LIMIT // 8)
        look_again(site.spool)

    site.within = within
    assert site.ask()[0] == "200 OK"
    assert site.ask()[0].startswith("503")
    fill(spool, 0).unlink()
    assert [event["event.action"] for event in events()] == ["http.request"]


def test_a_disk_that_refuses_closes_the_application_and_opens_it_when_it_takes_again(
    site, spool, monkeypatch
):
    assert site.ask()[0] == "200 OK"
    write = os.write

    def refused(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.os, "write", refused)
    assert site.ask()[0] == "200 OK"  # under way when it is found out, and counted
    for _ in range(5):
        assert site.ask()[0].startswith("503")
    assert site.ran == 2
    monkeypatch.setattr(disk.os, "write", write)
    assert site.ask()[0] == "200 OK"
    lines = [line for _, path in segments(spool) for line in path.read_bytes().split(b"\n") if line]
    told = [decode(line) for line in lines]
    (loss,) = [event["sealtrail.details"] for event in told if event["event.action"] == LOSS]
    assert (loss["access"], loss["audit"], loss["refused"]) == (1, 0, 5)
    # Trying again and again has cost no numbers: the one hole is the event that was lost.
    assert [event["sealtrail.seq"] for event in told] == [0, 2, 3]


def test_a_folder_that_cannot_be_made_closes_it_from_the_first_request_on(site, spool):
    spool.write_bytes(b"a file in its place")
    assert site.ask()[0].startswith("503")
    assert site.ran == 0


def test_whoever_is_blocked_is_refused_as_such(site, spool):
    assert site.ask()[0] == "200 OK"
    now = disk.time.time()
    publish_blocks(
        spool, BlockList.from_bytes(b'{"written":%f,"blocks":[{"address":"192.0.2.1","until":9e9}]}' % now)
    )
    site.door.recorder.blocks._look_at = 0.0
    assert site.ask()[0] == "403 Forbidden"


def test_under_asgi_as_well_for_requests_and_websockets(spool):
    spool.write_bytes(b"a file in its place")

    async def app(scope, receive, send):
        raise AssertionError("it is not asked")

    async def ask(scope) -> list[dict[str, object]]:
        sent: list[dict[str, object]] = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request" if scope["type"] == "http" else "websocket.connect"}

        await Asgi(app, service="shop")(scope, receive, send)
        return sent

    plain = {"headers": [], "path": "/", "query_string": b"", "client": ("192.0.2.1", 1), "raw_path": b"/"}
    web = {**plain, "type": "websocket", "scheme": "ws", "http_version": "1.1"}
    start, body = asyncio.run(
        ask({**plain, "type": "http", "method": "GET", "scheme": "http", "http_version": "1.1"})
    )
    assert start["status"] == 503
    assert json.loads(body["body"])["error"] == "unrecorded"
    (closed,) = asyncio.run(ask({**web}))
    assert closed == {"type": "websocket.close", "code": 1013}
    start, body = asyncio.run(ask({**web, "extensions": {"websocket.http.response": {}}}))
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
    assert json.loads(body["body"])["error"] == "unrecorded"


def test_without_the_choice_requests_go_on_and_their_loss_is_counted(spool, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_ON_FULL", "drop")
    spool.write_bytes(b"a file in its place")
    site = Site()
    for _ in range(3):
        assert site.ask()[0] == "200 OK"
    assert (site.spool.failed, site.spool.refused) == (3, 0)
    assert type(site.door.recorder.blocks) is Blocks


def test_who_captures_events_in_tests_is_not_refused_for_a_folder_that_nobody_made(site, spool):
    spool.write_bytes(b"a file in its place")
    with capture_events() as captured:
        assert site.ask()[0] == "200 OK"
    assert len(captured) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("SPOOL_BYTES", "a lot"), ("SPOOL_BYTES", "9"), ("ON_FULL", "x")]
)
def test_a_misspelt_setting_is_told_to_who_sets_up_and_not_to_who_records(monkeypatch, name, value, events):
    monkeypatch.setenv(f"SEALTRAIL_{name}", value)
    with pytest.raises(UsageError) as caught:
        Wsgi(lambda *_: [], service="shop")
    assert caught.value.code == "usage.setting"
    assert sealtrail.audit("user.role.update", target=("user", "1"))
    assert len(events()) == 1


@pytest.mark.parametrize(
    ("text", "size"), [("1048576", 1 << 20), ("512M", 1 << 29), ("2G", 1 << 31), (" 64MiB ", 1 << 26)]
)
def test_the_bound_is_read_in_the_units_people_write(monkeypatch, text, size):
    monkeypatch.setenv("SEALTRAIL_SPOOL_BYTES", text)
    spool = recorder.configured("shop").spool
    assert (spool.limit_bytes, spool.reserve_bytes) == (size, min(1 << 27, size // 8))
