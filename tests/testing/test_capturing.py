"""Events in place of a spool: of this context, whatever the door, with nothing on the disk."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture import recorder
from sealtrail.event import check
from sealtrail.flask import Sealtrail
from sealtrail.spool.disk import Spool
from sealtrail.testing import assert_event, capture_events


@pytest.fixture(autouse=True)
def _no_recorder(monkeypatch):
    monkeypatch.setattr(recorder, "_default", None)


def test_events_are_those_written_inside_and_nothing_is_on_the_disk(tmp_path):
    with capture_events() as events:
        assert sealtrail.audit("invoice.delete", target=("invoice", "17"))
        assert sealtrail.login_failed(name="alice", reason="bad_password")
        assert sealtrail.audit("a.b", fields={"acme.region": "eu"}, required=True, fsync=True)
    assert [event["event.action"] for event in events] == ["invoice.delete", "authn_login_fail", "a.b"]
    assert events[2]["acme.region"] == "eu"
    for number, event in enumerate(events):
        check(event)
        assert event["sealtrail.seq"] == number
    assert list(tmp_path.iterdir()) == []


def test_with_standard_output_as_the_spool_nothing_is_printed_and_no_folder_made(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("SEALTRAIL_SPOOL", "stdout:")
    with capture_events() as events:
        assert sealtrail.audit("invoice.delete", target=("invoice", "17"), required=True)
        assert sealtrail.login_failed(name="alice", reason="bad_password")
    assert len(events) == 2
    assert capfd.readouterr().out == ""
    assert sealtrail.audit("invoice.delete", target=("invoice", "18"))
    assert capfd.readouterr().out.startswith('{"sealtrail.stream":1,')
    assert list(tmp_path.iterdir()) == []


def test_afterwards_everything_is_as_it_was(spool, events_in):
    before = Spool.write
    made = recorder.configured("shop", spool=spool)
    with capture_events():
        sealtrail.audit("inside")
    sealtrail.audit("outside")
    assert Spool.write is before
    assert [event["event.action"] for event in events_in(spool)] == ["outside"]
    made.spool.close()


def test_a_flask_application_that_was_made_before_is_captured(spool):
    app = Flask("tested")
    Sealtrail(app, service="shop", spool=spool)
    app.add_url_rule("/<name>", view_func=lambda name: name)
    with capture_events() as events:
        app.test_client().get("/ann").close()
    assert_event(events, "http.request", "success", http_route="/<name>", status=200)
    assert not spool.exists()


def test_an_asgi_application_in_a_servers_thread_is_captured(spool):
    app = Starlette(routes=[Route("/x", lambda _: PlainTextResponse("x"))])
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    transport = httpx.ASGITransport(app)

    async def get() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            return (await client.get("/x")).status_code

    with capture_events() as events, ThreadPoolExecutor(1) as server:
        assert server.submit(asyncio.run, get()).result() == 200
    assert_event(events, "http.request", url_path="/x")


def test_threads_that_capture_see_their_own_events_only():
    seen: dict[int, list[str]] = {}
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        with capture_events() as events:
            barrier.wait()
            for _ in range(20):
                sealtrail.audit(f"of.{number}")
            barrier.wait()
        seen[number] = [event["event.action"] for event in events]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {n: [f"of.{n}"] * 20 for n in range(4)}


def test_tasks_that_capture_see_their_own_events_only():
    async def work(number: int) -> list[str]:
        with capture_events() as events:
            for _ in range(5):
                await asyncio.sleep(0)
                sealtrail.audit(f"of.{number}")
        return [event["event.action"] for event in events]

    async def all_of_them() -> list[list[str]]:
        return await asyncio.gather(*map(work, range(5)))

    assert asyncio.run(all_of_them()) == [[f"of.{n}"] * 5 for n in range(5)]


def test_a_thread_that_does_not_capture_is_seen_by_who_does():
    with capture_events() as events:
        thread = threading.Thread(target=sealtrail.audit, args=("elsewhere",))
        thread.start()
        thread.join()
    assert [event["event.action"] for event in events] == ["elsewhere"]


def test_within_another_capture_both_see_the_event():
    with capture_events() as outer:
        sealtrail.audit("one")
        with capture_events() as inner:
            sealtrail.audit("two")
        sealtrail.audit("three")
    assert [event["event.action"] for event in inner] == ["two"]
    assert [event["event.action"] for event in outer] == ["one", "two", "three"]


def test_the_same_name_has_the_same_hash_in_every_test():
    hashes = []
    for name in ("Alice ", "alice"):
        with capture_events() as events:
            sealtrail.login_failed(name=name)
        hashes.append(events[0]["user.hash"])
    assert hashes[0] == hashes[1]
    assert not Path("sealtrail-spool").exists()


def _fault(monkeypatch):
    for clock in ("moment", "written"):
        monkeypatch.setattr(f"sealtrail.capture.audit.here.{clock}", lambda *_: 1 / 0)


def test_a_fault_of_capture_is_kept_and_told_only_where_it_is_asked_for(monkeypatch):
    _fault(monkeypatch)
    with capture_events() as events:
        assert not sealtrail.audit("x")
    assert [type(fault) for fault in events.faults] == [ZeroDivisionError]

    def tested() -> None:
        with capture_events(strict=True):
            sealtrail.audit("x")
            sealtrail.login_succeeded(user_id="u1")

    with pytest.raises(AssertionError, match=r"capture failed 2 times.*ZeroDivisionError") as raised:
        tested()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_the_tests_own_exception_is_not_hidden_by_a_fault(monkeypatch):
    _fault(monkeypatch)

    def tested() -> None:
        with capture_events(strict=True):
            sealtrail.audit("x")
            raise KeyError("mine")

    with pytest.raises(KeyError):
        tested()
