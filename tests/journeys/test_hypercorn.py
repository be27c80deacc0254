"""FastAPI under hypercorn: HTTP/1.1 and HTTP/2, lifespan, clients that go, a server that stops."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sealtrail.event import decode

PATIENCE = 30.0

LIFESPAN = """

from contextlib import asynccontextmanager


@asynccontextmanager
async def lifespan(app):
    sealtrail.audit("shop.open")
    yield {"opened": True}
    sealtrail.audit("shop.shut")


app.router.lifespan_context = lifespan


@app.get("/opened")
async def opened(request: Request):
    return {"opened": request.state.opened}
"""


@pytest.fixture(scope="module")
def running(start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("hypercorn"), "fastapi-hypercorn", added=LIFESPAN)
    yield server
    server.stop()


@pytest.fixture(params=["1.1", "2"])
def version(request) -> str:
    return request.param


@pytest.fixture
def client(running, version) -> Iterator[httpx.Client]:
    running.forget()
    two = version == "2"  # in clear text, by prior knowledge
    with httpx.Client(
        base_url=f"http://127.0.0.1:{running.port}", http1=not two, http2=two, timeout=PATIENCE
    ) as made:
        yield made


def requests(server, number: int) -> list[dict[str, Any]]:
    server.asked += number
    server.wait(lambda: sum(e["sealtrail.kind"] == "request" for e in server.recorded()) >= number)
    return [event for event in server.recorded() if event["sealtrail.kind"] == "request"]


def test_a_request_is_recorded_with_its_version_and_ids(running, client, version) -> None:
    answer = client.get("/items/7?password=hunter2", headers={"X-Request-ID": "order-1"})
    (event,) = requests(running, 1)
    assert (event["http.version"], event["http.route"]) == (version, "/items/{number}")
    assert answer.headers.get_list("X-Request-ID") == [event["http.request.id"]] == ["order-1"]
    assert event["url.original"] == "/items/7?password=[redacted:password]"
    assert event["url.domain"] == "127.0.0.1"
    assert (event["client.ip"], event["http.response.body.bytes"]) == ("127.0.0.1", len(answer.content))


async def at_once(url: httpx.URL, number: int, *, two: bool) -> list[httpx.Response]:
    """Several requests of one connection, which the client of threads does not do reliably."""
    async with httpx.AsyncClient(base_url=url, http1=not two, http2=two, timeout=PATIENCE) as client:
        return await asyncio.gather(*(client.get(f"/items/{n}") for n in range(number)))


def test_requests_at_the_same_time_are_told_apart(running, client, version) -> None:
    asked = asyncio.run(at_once(client.base_url, 24, two=version == "2"))
    answers = [answer.json() for answer in asked]
    events = requests(running, 24)
    found = {event["url.path"]: event["http.request.id"] for event in events}
    assert found == {f"/items/{answer['number']}": answer["id"] for answer in answers}


def test_an_exception_in_mid_stream_is_a_failure(running, client) -> None:
    with client.stream(
        "GET", "/broken"
    ):  # how the client learns of it is the server's affair, and takes a while
        (event,) = requests(running, 1)
    assert (event["event.outcome"], event["error.type"]) == ("failure", "LookupError")
    assert event["sealtrail.notes"] == ["response.broken:200"]


def test_a_client_that_goes_away_ends_an_endless_stream_and_is_recorded(running, client) -> None:
    with client.stream("GET", "/endless") as answer:
        next(answer.iter_raw())
        client.close()
    (event,) = requests(running, 1)
    assert event["event.outcome"] in {"unknown", "failure"}
    assert event["http.response.body.bytes"] >= 65536


def test_the_lifespan_passes_and_acts_of_its_own_are_recorded_to_the_end(start, tmp_path) -> None:
    server = start(tmp_path, "fastapi-hypercorn", added=LIFESPAN)
    try:
        assert server.request("GET", "/opened")[2] == b'{"opened":true}'
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE)
    finally:
        server.stop()
    events = [decode(line) for line in server.lines()]
    assert [event["event.action"] for event in events] == ["shop.open", "http.request", "shop.shut"]
    assert {event.get("user.id") for event in events} == {"anonymous"}
