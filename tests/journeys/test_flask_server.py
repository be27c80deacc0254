"""A Flask application under gunicorn, and real clients: what tutorials' request logging gets wrong.

Each test of the first part is one defect of the usual before/after hooks with a JSON log; the second part
plants secrets, the third kills workers.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from sealtrail.event import Fields, check, decode, is_canonical
from sealtrail.spool.layout import segments

PATIENCE = 30.0
THREADS = 4

APPLICATION = """
import gc, os, time
from flask import Flask, Response, request
import sealtrail
from sealtrail.flask import Sealtrail

app = Flask("shop")
Sealtrail(app, service="shop")


@app.get("/items/<int:number>")
def item(number):
    return {"number": number, "id": sealtrail.request_id()}


@app.get("/stream")
def stream():
    def parts():
        for _ in range(3):
            time.sleep(0.05)
            yield b"x" * 10
    return Response(parts())


@app.get("/endless")
def endless():
    def parts():
        while True:
            yield b"x" * 65536
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


@app.post("/login")
def login():
    form = request.form
    hidden = {"form": {"pin": form["password"]}}
    sealtrail.login_failed(name=form["name"], reason="bad_password", details=hidden)
    sealtrail.audit("user.password.change", target=("user", "1"), details=request.headers["X-Note"],
                    change=[("password", "old", form["password"])], reason=form["why"])
    return {"error": "no"}, 401


@app.get("/objects")
def objects():
    gc.collect()
    return str(len(gc.get_objects()))


@app.get("/pid")
def pid():
    return {"pid": os.getpid()}


propagating = Flask("shop")
propagating.config["PROPAGATE_EXCEPTIONS"] = True
Sealtrail(propagating, service="shop")
propagating.add_url_rule("/raise", view_func=raising)
"""


class Server:
    """gunicorn with threads on a port of its own, started in a process group of its own."""

    def __init__(self, folder: Path, *, workers: int = 1, app: str = "app") -> None:
        self.spool = folder / "spool"
        (folder / "shop_app.py").write_text(APPLICATION)
        self._log = (folder / "gunicorn.log").open("ab")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", f"shop_app:{app}", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--worker-class", "gthread", "--threads", str(THREADS), "--workers", str(workers)]
        command += ["--no-control-socket", "--log-level", "warning", "--graceful-timeout", "5"]
        environment = {
            **os.environ,
            "SEALTRAIL_SPOOL": str(self.spool),
            "SEALTRAIL_TRUSTED_PROXIES": "127.0.0.1/32",
            "SEALTRAIL_PSEUDONYM_KEY": "a key for tests",
        }
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self.wait(self.answers)

    def wait(self, condition) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end
            assert self.process.poll() is None
            time.sleep(0.02)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def request(self, method: str, target: str, body: bytes | None = None, **headers: str):
        """(status, headers, body); the body as far as it came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body, fields)
            answer = connection.getresponse()
            try:
                data = answer.read()
            except http.client.IncompleteRead as cut:
                data = cut.partial
            return answer.status, answer.headers, data
        finally:
            connection.close()

    def worker(self) -> int:
        """Process id of a worker; 0 while there is none."""
        try:
            return int(json.loads(self.request("GET", "/pid")[2])["pid"])
        except (OSError, http.client.HTTPException):
            return 0

    def events(self, number: int) -> list[Fields]:
        """All events, once there are as many as that. Each line is canonical and passes the door."""
        self.wait(lambda: sum(path.read_bytes().count(b"\n") for _, path in segments(self.spool)) >= number)
        found = []
        for _, path in segments(self.spool):
            for line in path.read_bytes().splitlines():
                fields = decode(line)
                assert is_canonical(line, fields)
                check(fields)
                found.append(fields)
        return sorted(found, key=lambda fields: fields["event.id"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def test_a_password_in_the_query_is_not_recorded(server: Server) -> None:
    server.request("GET", "/items/1?password=hunter2&page=2")
    (event,) = server.events(1)
    assert event["url.query"] == "password=[redacted:password]&page=2"
    assert event["url.original"] == "/items/1?password=[redacted:password]&page=2"
    assert event["sealtrail.redacted"] == ["url.original:password", "url.query:password"]


def test_a_stream_is_recorded_with_its_true_length_and_duration(server: Server) -> None:
    assert server.request("GET", "/stream")[2] == b"x" * 30
    (event,) = server.events(1)
    assert event["http.response.body.bytes"] == 30
    assert event["event.duration"] >= 3 * 50_000_000  # the application sleeps that long


def test_an_exception_in_mid_stream_is_a_failure(server: Server) -> None:
    status, _, body = server.request("GET", "/broken")
    assert (status, body) == (200, b"a" * 10)
    (event,) = server.events(1)
    assert (event["event.outcome"], event["http.response.status_code"]) == ("failure", 500)
    assert event["error.type"] == "LookupError"
    assert event["sealtrail.notes"] == ["response.broken:200"]


def test_an_exception_that_propagates_to_the_server_is_recorded(tmp_path: Path) -> None:
    server = Server(tmp_path, app="propagating")
    try:
        assert server.request("GET", "/raise")[0] == 500
        (event,) = server.events(1)
    finally:
        server.stop()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "LookupError")
    assert event["http.route"] == "/raise"


def test_the_clients_address_is_recorded_and_not_the_proxys(server: Server) -> None:
    server.request("GET", "/items/1", X_Forwarded_For="6.6.6.6, 203.0.113.9")
    (event,) = server.events(1)
    assert (event["client.ip"], event["source.ip"]) == ("203.0.113.9", "127.0.0.1")


def test_request_id_and_trace_of_the_caller_are_taken_over_and_one_id_comes_back(server: Server) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, headers, body = server.request("GET", "/items/1", X_Request_ID="order-4711", traceparent=trace)
    (event,) = server.events(1)
    assert headers.get_all("X-Request-ID") == ["order-4711"]
    assert json.loads(body)["id"] == event["http.request.id"] == "order-4711"
    assert (event["trace.id"], event["parent.id"]) == (trace[3:35], trace[36:52])


def test_without_an_id_one_is_made_for_answer_event_and_application(server: Server) -> None:
    _, headers, body = server.request("GET", "/items/1")
    (event,) = server.events(1)
    assert json.loads(body)["id"] == event["http.request.id"] == event["event.id"] == headers["X-Request-ID"]


def test_nothing_is_kept_in_the_process_of_the_requests_it_served(server: Server) -> None:
    def load(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        for each in range(number):
            connection.request("GET", f"/items/{each}?q={each}")
            connection.getresponse().read()
        connection.close()
        return int(server.request("GET", "/objects")[2])

    before = load(300)
    # An entry a request in some list would be at least an object a request.
    assert load(300) - before < 100


def test_a_client_that_goes_away_ends_an_endless_stream_and_is_recorded(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000)
    (event,) = server.events(1)
    assert event["event.outcome"] in {"unknown", "failure"}
    assert event["http.response.body.bytes"] >= 65536


def test_head_has_no_body_and_an_unknown_path_has_no_route(server: Server) -> None:
    assert server.request("HEAD", "/items/1")[2] == b""
    assert server.request("GET", "/no/such")[0] == 404
    head, unknown = server.events(2)
    assert (head["http.request.method"], head["http.response.body.bytes"]) == ("HEAD", 0)
    assert (unknown["http.response.status_code"], unknown["event.outcome"]) == (404, "failure")
    assert "http.route" not in unknown


def test_a_target_is_kept_as_it_came_and_decoded(server: Server) -> None:
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


def test_planted_secrets_stand_in_no_file_in_no_form(server: Server) -> None:
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


def test_workers_are_emitters_of_their_own_with_numbers_without_gaps(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=3)
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


def test_killed_workers_lose_at_most_one_finished_request_a_thread_and_tear_at_most_one_line(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    answered: list[str] = []
    stopping = threading.Event()

    def client() -> None:
        while not stopping.is_set():
            try:
                status, headers, _ = server.request("GET", "/items/7")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                answered.append(headers["X-Request-ID"])

    clients = [threading.Thread(target=client) for _ in range(6)]
    kills = 4
    try:
        for thread in clients:
            thread.start()
        for _ in range(kills):
            mark = len(answered)
            server.wait(lambda mark=mark: len(answered) > mark + 60)
            killed = server.worker()
            os.kill(killed, signal.SIGKILL)
            server.wait(lambda killed=killed: server.worker() not in {0, killed})
    finally:
        stopping.set()
        for thread in clients:
            thread.join()
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
    assert len(emitters) == kills + 1
    for numbers in emitters.values():
        assert numbers == list(range(len(numbers)))
    assert torn <= kills
    missing = [each for each in answered if each not in recorded]
    assert len(missing) <= kills * THREADS, f"{len(missing)} of {len(answered)}"
