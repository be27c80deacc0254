"""Applications under real servers, and real clients: what tutorials' request logging gets wrong.

Each test of the first part is one defect of the usual before/after hooks with a JSON log; the second part
plants secrets, the third kills workers. Every stack passes the same tests.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from sealtrail.event import check, decode
from sealtrail.spool.layout import segments

PATIENCE = 30.0
THREADS = 4


def test_a_password_in_the_query_is_not_recorded(server) -> None:
    server.request("GET", "/items/1?password=hunter2&page=2")
    (event,) = server.events(1)
    assert event["url.query"] == "password=[redacted:password]&page=2"
    assert event["url.original"] == "/items/1?password=[redacted:password]&page=2"
    assert event["sealtrail.redacted"] == ["url.original:password", "url.query:password"]


def test_a_stream_is_recorded_with_its_true_length_and_duration(server) -> None:
    assert server.request("GET", "/stream")[2] == b"x" * 30
    (event,) = server.events(1)
    assert event["http.response.body.bytes"] == 30
    assert event["event.duration"] >= 3 * 50_000_000  # the application sleeps that long


def test_an_exception_in_mid_stream_is_a_failure(server) -> None:
    status, _, body = server.request("GET", "/broken")
    assert (status, body) == (200, b"a" * 10)
    (event,) = server.events(1)
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    # Litestar puts one of its own around what was raised once the answer has begun.
    assert event["error.type"].rpartition(".")[2] in {"LookupError", "LitestarException"}
    assert event["sealtrail.notes"] == ["response.broken:200"]


def test_an_exception_is_a_500_with_its_class_and_route(server) -> None:
    assert server.request("GET", "/raise")[0] == 500
    (event,) = server.events(1)
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert (event["error.type"], event["http.route"]) == ("LookupError", "/raise")


def test_an_exception_that_flask_lets_propagate_to_the_server_is_recorded(tmp_path, start) -> None:
    server = start(tmp_path, "flask-gunicorn", app="propagating")
    try:
        assert server.request("GET", "/raise")[0] == 500
        (event,) = server.events(1)
    finally:
        server.stop()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "LookupError")
    assert event["http.route"] == "/raise"


def test_the_clients_address_is_recorded_and_not_the_proxys(server) -> None:
    server.request("GET", "/items/1", X_Forwarded_For="6.6.6.6, 203.0.113.9")
    (event,) = server.events(1)
    assert (event["client.ip"], event["source.ip"]) == ("203.0.113.9", "127.0.0.1")


def test_request_id_and_trace_of_the_caller_are_taken_over_and_one_id_comes_back(server) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, headers, body = server.request("GET", "/items/1", X_Request_ID="order-4711", traceparent=trace)
    (event,) = server.events(1)
    assert headers.get_all("X-Request-ID") == ["order-4711"]
    assert json.loads(body)["id"] == event["http.request.id"] == "order-4711"
    assert (event["trace.id"], event["parent.id"]) == (trace[3:35], trace[36:52])


def test_without_an_id_one_is_made_for_answer_event_and_application(server) -> None:
    _, headers, body = server.request("GET", "/items/1")
    (event,) = server.events(1)
    assert json.loads(body)["id"] == event["http.request.id"] == event["event.id"] == headers["X-Request-ID"]


def test_nothing_is_kept_in_the_process_of_the_requests_it_served(server) -> None:
    def load(number: int) -> int:
        for each in range(number):
            # A timer for the next request of a connection holds on to the last one for a while.
            server.request("GET", f"/items/{each}?q={each}", Connection="close")
        return int(server.request("GET", "/objects")[2])

    before = load(300)
    load(300)
    # An entry a request in some list would be at least an object a request, and would never go again; what
    # only waits for a loop or a timer goes.
    grown = load(300) - before
    deadline = time.monotonic() + PATIENCE
    while grown >= 300 and time.monotonic() < deadline:
        time.sleep(0.05)
        grown = load(1) - before
    assert grown < 300


def test_a_client_that_goes_away_ends_an_endless_stream_and_is_recorded(server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        server.asked += 1
        assert client.recv(1000)
    (event,) = server.events(1)
    assert event["event.outcome"] in {"unknown", "failure"}
    assert event["http.response.body.bytes"] >= 65536


def test_head_has_no_body_and_an_unknown_path_has_no_route(server) -> None:
    assert server.request("HEAD", "/items/1")[2] == b""
    assert server.request("GET", "/no/such")[0] == 404
    head, unknown = server.events(2)
    assert (head["http.request.method"], head["http.response.body.bytes"]) == ("HEAD", 0)
    assert (unknown["http.response.status_code"], unknown["event.outcome"]) == (404, "failure")
    assert "http.route" not in unknown


def test_a_target_is_kept_as_it_came_and_decoded(server) -> None:
    server.request("GET", "/caf%C3%A9/..%2fetc?q=a%20b%0d%0aX")
    (event,) = server.events(1)
    assert event["url.original"] == "/caf%C3%A9/..%2fetc?q=a%20b%0d%0aX"
    assert event["url.path"] == "/café/../etc"


PASSWORD = "Wx7-planted+secret/Q"
TOKEN = (
    base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=") + ".eyJzdWIiOiJwbGFudGVkIn0.cGxhbnRlZA"
)
PLANTED = [
    PASSWORD,
    TOKEN,
    "planted.person@example.com",
    "GB29NWBK60161331926819",
    "AKIAPLANTED4KEY7XQ2M",
    "4929123456789015",
]


def forms(secret: str) -> Iterator[bytes]:
    """The ways in which a secret could stand in a file."""
    once = quote(secret, safe="")
    for text in (secret, once, quote(once, safe=""), once.lower(), json.dumps(secret)[1:-1]):
        yield text.encode()
    for cut in range(3):  # wherever it begins within an encoded text
        yield base64.b64encode(secret.encode()[cut:])[:-4].rstrip(b"=")


def test_planted_secrets_stand_in_no_file_in_no_form(server) -> None:
    requests = 0
    for secret in PLANTED:
        once, twice = quote(secret, safe=""), quote(quote(secret, safe=""), safe="")
        under_name = secret is PASSWORD
        for value in (once, twice):
            name = "access_token" if under_name else "q"
            server.request("GET", f"/items/1?{name}={value}")
            server.request("GET", f"/items/1?next={quote(f'/x?password={value}', safe='')}")
            requests += 2
            if not under_name:
                server.request("GET", f"/files/{value}/x")
                server.request("GET", "/items/1", Referer=f"https://x.example/{value}?a={value}")
                requests += 2
        basic = base64.b64encode(f"alice:{secret}".encode()).decode()
        server.request("GET", "/items/1", Authorization=f"Basic {basic}", Cookie=f"session={once}")
        server.request("GET", "/items/1", Authorization=f"Bearer {secret}", X_Api_Key=secret)
        form = f"name={once}&password={once}&why={quote(f'password={secret}')}"
        fields = {
            "Content_Type": "application/x-www-form-urlencoded",
            "X_Note": json.dumps({"password": secret}),
        }
        assert server.request("POST", "/login", form.encode(), **fields)[0] == 401
        requests += 5  # one of them has two acts
    server.events(requests)
    written = b"".join(path.read_bytes() for path in server.spool.rglob("*") if path.is_file())
    found = [form for secret in PLANTED for form in forms(secret) if form in written]

    assert found == []
    assert written.count(b"[redacted:") > 2 * len(PLANTED)


@pytest.mark.parametrize("stack", ["flask-gunicorn", "fastapi-uvicorn"])
def test_workers_are_emitters_of_their_own_with_numbers_without_gaps(tmp_path, start, stack) -> None:
    server = start(tmp_path, stack, workers=3)
    try:
        pids = set()
        sent = 0
        end = time.monotonic() + PATIENCE
        while len(pids) < 2 or sent < 200:
            assert time.monotonic() < end
            pids.add(server.worker())
            sent += 1
        events = server.events(sent)
    finally:
        server.stop()
    assert len(events) == sent
    assert len({event["event.id"] for event in events}) == sent
    assert len({event["span.id"] for event in events}) == sent
    by_pid = {event["process.pid"]: event["sealtrail.emitter"] for event in events}
    assert set(by_pid) == pids
    assert len(set(by_pid.values())) == len(pids)
    for pid in pids:
        numbers = [event["sealtrail.seq"] for event in events if event["process.pid"] == pid]
        assert sorted(numbers) == list(range(len(numbers)))


class Load:
    """Clients that ask all the time, and the ids of the answers that they got whole."""

    def __init__(self, server, clients: int = 6) -> None:
        self.answered: list[str] = []
        self._server = server
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stopping.is_set():
            try:
                status, headers, body = self._server.request("GET", "/items/7")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200 and len(body) == int(headers.get("Content-Length", len(body))):
                self.answered.append(headers["X-Request-ID"])


@pytest.mark.parametrize("stack", ["flask-gunicorn", "fastapi-uvicorn", "django-gunicorn", "django-uvicorn"])
def test_killed_workers_tear_at_most_one_line_and_lose_no_answered_request_under_asgi(
    tmp_path, start, stack
) -> None:
    # Under uvicorn a lone worker is its own master, and nobody would start another.
    workers = 2 if stack.endswith("uvicorn") else 1
    server = start(tmp_path, stack, workers=workers)
    kills = 4
    try:
        with Load(server) as load:
            for _ in range(kills):
                mark = len(load.answered)
                server.wait(lambda mark=mark: len(load.answered) > mark + 60)
                killed = server.worker()
                os.kill(killed, signal.SIGKILL)
                server.wait(lambda killed=killed: server.worker() not in {0, killed})
    finally:
        server.stop()
    torn = 0
    recorded = set()
    emitters = {}
    for name, path in segments(server.spool):
        *whole, rest = path.read_bytes().split(b"\n")
        torn += bool(rest)
        for line in whole:
            event = decode(line)
            check(event)
            assert event["sealtrail.emitter"] == name.emitter
            emitters.setdefault(name.emitter, []).append(event["sealtrail.seq"])
            recorded.add(event["http.request.id"])
    assert kills < len(emitters) <= kills + workers
    for numbers in emitters.values():
        assert numbers == list(range(len(numbers)))
    assert torn <= kills
    missing = [each for each in load.answered if each not in recorded]
    # A WSGI application hears of the end of a response only when its client has it.
    allowed = 0 if stack.endswith("uvicorn") else kills * THREADS
    assert len(missing) <= allowed, f"{len(missing)} of {len(load.answered)}"


@pytest.mark.parametrize("stack", ["flask-gunicorn", "fastapi-uvicorn", "django-gunicorn", "django-uvicorn"])
def test_a_server_that_is_told_to_stop_ends_the_request_in_hand_and_records_it(
    tmp_path, start, stack
) -> None:
    server = start(tmp_path, stack)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/stream", headers={"X-Request-ID": "the-last-one"})
        answer = connection.getresponse()
        first = answer.read(10)
        server.process.send_signal(signal.SIGTERM)
        rest = answer.read()
        connection.close()
        server.process.wait(PATIENCE)
    finally:
        server.stop()
    assert first + rest == b"x" * 30
    (event,) = [decode(line) for line in server.lines() if b"the-last-one" in line]
    assert (event["event.outcome"], event["http.response.body.bytes"]) == ("success", 30)
