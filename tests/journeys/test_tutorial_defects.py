"""What the request logging of tutorials gets wrong, and that ours does not: one test a defect.

Two applications do the same and stand behind the same servers and client. One logs as tutorials
do: hooks before and after a request, a JSON line for each, a list for the audit. The other has our middleware
and nothing else. Each test sees the defect in the first, so that it knows one when there is one, and then its
absence in the second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

STREAM_NANOSECONDS = 150_000_000  # the application sleeps as long between the first byte and the last

# What both of the tutorial's applications share: two loggers that grew up apart.
_LOGGING = '''
import json, time, uuid
from datetime import datetime, timezone

AUDIT_LOG = []


def write(name, entry):
    with open(name, "a") as file:
        file.write(json.dumps(entry) + "\\n")


class SecurityLogger:
    """Who did what. It keeps the entries at hand for the audit page."""

    def log_event(self, kind, **details):
        entry = {"id": str(uuid.uuid4()), "time": datetime.now(timezone.utc).isoformat(), "event": kind,
                 "request_id": str(uuid.uuid4()), "details": details}
        AUDIT_LOG.append(entry)
        write("security.log", entry)


security = SecurityLogger()
'''

FLASK = (
    _LOGGING
    + """
import gc
from flask import Flask, Response, g, request

app = Flask("shop")


@app.before_request
def started():
    g.start = time.time()
    security.log_event("api.access", path=request.path, query=request.query_string.decode(),
                       ip=request.remote_addr)


@app.after_request
def finished(response):
    write("requests.log", {
        "event": "request_finished", "method": request.method, "url": request.url,
        "status": response.status_code, "duration_ms": (time.time() - g.start) * 1000,
        "ip": request.remote_addr, "request_id": getattr(g, "request_id", None),
    })
    return response


@app.get("/items/<int:number>")
def item(number):
    return {"number": number, "id": getattr(g, "request_id", None)}


@app.get("/stream")
def stream():
    def parts():
        for _ in range(3):
            time.sleep(0.05)
            yield b"x" * 10
    return Response(parts())


@app.get("/broken")
def broken():
    def parts():
        yield b"a" * 10
        raise LookupError("half way")
    return Response(parts())


@app.get("/raise")
def raising():
    raise LookupError("x")


@app.get("/objects")
def objects():
    gc.collect()
    return str(len(gc.get_objects()))
"""
)

FASTAPI = (
    _LOGGING
    + """
import asyncio, gc
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

app = FastAPI()


@app.middleware("http")
async def log_requests(request: Request, call_next):
    start = time.time()
    security.log_event("api.access", path=request.url.path, query=request.url.query, ip=request.client.host)
    response = await call_next(request)
    write("requests.log", {
        "event": "request_finished", "method": request.method, "url": str(request.url),
        "status": response.status_code, "duration_ms": (time.time() - start) * 1000,
        "ip": request.client.host, "request_id": getattr(request.state, "request_id", None),
    })
    return response


@app.get("/items/{number}")
async def item(number: int, request: Request):
    return {"number": number, "id": getattr(request.state, "request_id", None)}


@app.get("/stream")
async def stream():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"x" * 10
    return StreamingResponse(parts())


@app.get("/broken")
async def broken():
    async def parts():
        yield b"a" * 10
        await asyncio.sleep(0)
        raise LookupError("half way")
    return StreamingResponse(parts())


@app.get("/raise")
async def raising():
    raise LookupError("x")


@app.get("/objects")
async def objects():
    gc.collect()
    return PlainTextResponse(str(len(gc.get_objects())))
"""
)

# Flask hands exceptions on to its server, as it does under a debugger and in many test set-ups.
PROPAGATE = """
app.config["PROPAGATE_EXCEPTIONS"] = True
"""
STACKS = {"flask-gunicorn": (FLASK, PROPAGATE), "fastapi-uvicorn": (FASTAPI, "")}


class Tutorial:
    """The tutorial's application, and what it has logged since `forget`."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.request = server.request
        self._seen: dict[str, int] = {}

    def _all(self, name: str) -> list[dict[str, Any]]:
        path = self.server.folder / name
        lines = path.read_text().splitlines(True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def forget(self) -> None:
        self._seen = {name: len(self._all(name)) for name in ("requests.log", "security.log")}

    def requests(self) -> list[dict[str, Any]]:
        return self._all("requests.log")[self._seen["requests.log"] :]

    def security(self) -> list[dict[str, Any]]:
        return self._all("security.log")[self._seen["security.log"] :]


@pytest.fixture(scope="module", params=STACKS)
def pair(request, start, tmp_path_factory) -> Iterator[tuple[Tutorial, Any]]:
    source, added = STACKS[request.param]
    folders = [tmp_path_factory.mktemp(f"{who}-{request.param}") for who in ("tutorial", "ours")]
    theirs = start(folders[0], request.param, source=source, added=added)
    ours = start(folders[1], request.param, added=added)
    yield Tutorial(theirs), ours
    theirs.stop()
    ours.stop()


@pytest.fixture
def tutorial(pair) -> Tutorial:
    pair[0].forget()
    return pair[0]


@pytest.fixture
def ours(pair) -> Any:
    pair[1].forget()
    return pair[1]


def test_a_password_in_the_query_is_logged_in_clear(tutorial, ours) -> None:
    target = "/items/1?password=hunter2&page=2"
    tutorial.request("GET", target)
    (line,), (entry,) = tutorial.requests(), tutorial.security()
    assert "hunter2" in line["url"]
    assert "hunter2" in entry["details"]["query"]

    ours.request("GET", target)
    (event,) = ours.events(1)
    assert event["url.query"] == "password=[redacted:password]&page=2"
    assert b"hunter2" not in b"".join(p.read_bytes() for p in ours.spool.rglob("*") if p.is_file())


def test_a_stream_is_logged_as_if_it_ended_when_it_began(tutorial, ours) -> None:
    with tutorial.server.opened("/stream") as answer:
        assert answer.read(10)
        (line,) = tutorial.requests()  # its duration is set down, and most of it is to come
        assert answer.read() == b"x" * 20
    assert tutorial.requests() == [line]
    print(f"logged: {line['duration_ms']:.2f} ms of more than {STREAM_NANOSECONDS / 1e6:.0f}")

    assert ours.request("GET", "/stream")[2] == b"x" * 30
    (event,) = ours.events(1)
    assert event["event.duration"] >= STREAM_NANOSECONDS
    assert event["http.response.body.bytes"] == 30


def test_an_exception_in_mid_stream_is_logged_as_a_success(tutorial, ours) -> None:
    assert tutorial.request("GET", "/broken")[2] == b"a" * 10
    assert [line["status"] for line in tutorial.requests()] == [200]

    assert ours.request("GET", "/broken")[2] == b"a" * 10
    (event,) = ours.events(1)
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert event["error.type"] == "LookupError"
    assert event["sealtrail.notes"] == ["response.broken:200"]


def test_a_request_whose_exception_propagates_is_never_logged_as_ended(tutorial, ours) -> None:
    assert tutorial.request("GET", "/raise")[0] == 500
    assert len(tutorial.security()) == 1
    assert tutorial.requests() == []

    assert ours.request("GET", "/raise")[0] == 500
    (event,) = ours.events(1)
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert (event["error.type"], event["http.route"]) == ("LookupError", "/raise")


def test_the_proxys_address_is_logged_in_place_of_the_clients(tutorial, ours) -> None:
    tutorial.request("GET", "/items/1", X_Forwarded_For="203.0.113.9")
    assert [line["ip"] for line in tutorial.requests()] == ["127.0.0.1"]

    ours.request("GET", "/items/1", X_Forwarded_For="203.0.113.9")
    (event,) = ours.events(1)
    assert (event["client.ip"], event["source.ip"]) == ("203.0.113.9", "127.0.0.1")


def test_an_address_that_the_client_made_up_is_not_taken_for_its_own(ours) -> None:
    # What the tutorial's next revision does is to take the first of X-Forwarded-For: anybody may write it.
    ours.request("GET", "/items/1", X_Forwarded_For="6.6.6.6, 203.0.113.9")
    (event,) = ours.events(1)
    assert event["client.ip"] == "203.0.113.9"


def test_the_callers_request_id_and_trace_are_ignored(tutorial, ours) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    given = {"X_Request_ID": "order-4711", "traceparent": trace}
    _, headers, _ = tutorial.request("GET", "/items/1", **given)
    logged = json.dumps(tutorial.requests() + tutorial.security())
    assert "order-4711" not in logged
    assert trace[3:35] not in logged
    assert "X-Request-ID" not in headers

    _, headers, _ = ours.request("GET", "/items/1", **given)
    (event,) = ours.events(1)
    assert event["http.request.id"] == headers["X-Request-ID"] == "order-4711"
    assert (event["trace.id"], event["parent.id"]) == (trace[3:35], trace[36:52])
    assert event["span.id"] != event["parent.id"]


def test_the_audit_list_grows_with_every_request_for_ever(tutorial, ours) -> None:
    def growth(server: Any) -> int:
        """Objects that 300 requests leave behind, once the first ones have filled what caches there are."""
        counts = []
        for _ in range(3):
            for each in range(300):
                server.request("GET", f"/items/{each}?q={each}", Connection="close")
            counts.append(int(server.request("GET", "/objects")[2]))
        return counts[2] - counts[1]

    # One each and more, less what the garbage collector happens to find of a server's own meanwhile.
    assert growth(tutorial) > 200
    assert growth(ours) < 200


def test_the_request_id_is_never_set(tutorial, ours) -> None:
    body = json.loads(tutorial.request("GET", "/items/1")[2])
    (line,) = tutorial.requests()
    assert body["id"] is line["request_id"] is None

    _, headers, answer = ours.request("GET", "/items/1")
    (event,) = ours.events(1)
    assert json.loads(answer)["id"] == event["http.request.id"] == headers["X-Request-ID"]
    assert headers.get_all("X-Request-ID") == [event["http.request.id"]]


def test_one_request_has_two_ids_that_have_nothing_to_do_with_one_another(tutorial, ours) -> None:
    tutorial.request("GET", "/items/1")
    (line,), (entry,) = tutorial.requests(), tutorial.security()
    assert entry["request_id"] not in {line["request_id"], entry["id"], None}

    form = {"Content_Type": "application/x-www-form-urlencoded", "X_Note": "x"}
    _, headers, _ = ours.request("POST", "/login", b"name=alice&password=wrong&why=forgotten", **form)
    events = ours.events(3)
    assert {event["sealtrail.kind"] for event in events} == {"request", "authentication", "audit"}
    assert {event["http.request.id"] for event in events} == {headers["X-Request-ID"]}
    assert len({event["trace.id"] for event in events}) == 1
    assert len({event["event.id"] for event in events}) == 3
