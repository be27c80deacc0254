"""One small application in three frameworks, and the real servers that run it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sealtrail.event import Fields, check, decode, is_canonical
from sealtrail.spool.layout import segments

PATIENCE = 30.0
THREADS = 4

FLASK = """
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

FASTAPI = """
import asyncio, gc, os
from urllib.parse import parse_qsl
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
import sealtrail
from sealtrail.asgi import SealtrailMiddleware

app = FastAPI()
app.add_middleware(SealtrailMiddleware, service="shop")


@app.api_route("/items/{number}", methods=["GET", "HEAD"])
async def item(number: int):
    return {"number": number, "id": sealtrail.request_id()}


@app.get("/stream")
async def stream():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"x" * 10
    return StreamingResponse(parts())


@app.get("/endless")
async def endless():
    async def parts():
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65536
    return StreamingResponse(parts())


@app.get("/broken")
async def broken():
    async def parts():
        yield b"a" * 10
        await asyncio.sleep(0)
        raise LookupError("half way")
    return StreamingResponse(parts())


@app.get("/raise")
def raising():
    raise LookupError("x")


@app.post("/login")
async def login(request: Request):
    form = dict(parse_qsl((await request.body()).decode()))
    hidden = {"form": {"pin": form["password"]}}
    sealtrail.login_failed(name=form["name"], reason="bad_password", details=hidden)
    sealtrail.audit("user.password.change", target=("user", "1"), details=request.headers["X-Note"],
                    change=[("password", "old", form["password"])], reason=form["why"])
    return JSONResponse({"error": "no"}, 401)


@app.get("/objects")
async def objects():
    gc.collect()
    return PlainTextResponse(str(len(gc.get_objects())))


@app.get("/pid")
async def pid():
    return {"pid": os.getpid()}
"""

DJANGO = """
import asyncio, gc, os, time
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
import django
import sealtrail

settings.configure(
    SECRET_KEY="for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None,
    MIDDLEWARE=["sealtrail.django.SealtrailMiddleware"], SEALTRAIL={"service": "shop"},
)
django.setup()


def item(request, number):
    return JsonResponse({"number": number, "id": sealtrail.request_id()})


def stream(request):
    async def later():
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"x" * 10

    def now():
        for _ in range(3):
            time.sleep(0.05)
            yield b"x" * 10
    return StreamingHttpResponse(later() if hasattr(request, "scope") else now())


def endless(request):
    async def later():
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65536

    def now():
        while True:
            yield b"x" * 65536
    return StreamingHttpResponse(later() if hasattr(request, "scope") else now())


def broken(request):
    async def later():
        yield b"a" * 10
        await asyncio.sleep(0)
        raise LookupError("half way")

    def now():
        yield b"a" * 10
        raise LookupError("half way")
    return StreamingHttpResponse(later() if hasattr(request, "scope") else now())


def raising(request):
    raise LookupError("x")


def login(request):
    form = request.POST
    hidden = {"form": {"pin": form["password"]}}
    sealtrail.login_failed(name=form["name"], reason="bad_password", details=hidden)
    sealtrail.audit("user.password.change", target=("user", "1"), details=request.headers["X-Note"],
                    change=[("password", "old", form["password"])], reason=form["why"])
    return JsonResponse({"error": "no"}, status=401)


def objects(request):
    gc.collect()
    return HttpResponse(str(len(gc.get_objects())))


def pid(request):
    return JsonResponse({"pid": os.getpid()})


urlpatterns = [
    path("items/<int:number>", item), path("stream", stream), path("endless", endless),
    path("broken", broken), path("raise", raising), path("login", login), path("objects", objects),
    path("pid", pid),
]
wsgi, asgi = WSGIHandler(), ASGIHandler()
"""

QUART, LITESTAR = (
    (Path(__file__).parent / "shops" / f"{name}_shop.py").read_text() for name in ("quart", "litestar")
)

GUNICORN = (
    "gunicorn --worker-class gthread --no-control-socket --log-level warning --graceful-timeout 5 "
    f"--threads {THREADS}"
)
UVICORN = "uvicorn --no-proxy-headers --no-access-log --log-level warning --timeout-graceful-shutdown 5"

# name -> (the application, the name in it, the server)
STACKS = {
    "flask-gunicorn": (FLASK, "app", GUNICORN),
    "fastapi-uvicorn": (FASTAPI, "app", UVICORN),
    "django-gunicorn": (DJANGO, "wsgi", GUNICORN),
    "django-uvicorn": (DJANGO, "asgi", UVICORN),
    "quart-uvicorn": (QUART, "app", UVICORN),
    "litestar-uvicorn": (LITESTAR, "app", UVICORN),
}

HYPERCORN = "hypercorn --log-level warning --graceful-timeout 5"

# Not asked everything that a server is asked: for development only, or much the same as another.
OTHERS = {
    "flask-werkzeug": (FLASK, "app", "flask"),
    "fastapi-hypercorn": (FASTAPI, "app", HYPERCORN),
}


class Server:
    """One stack on a port of its own, started in a process group of its own."""

    def __init__(
        self,
        folder: Path,
        stack: str,
        *,
        workers: int = 1,
        app: str = "",
        source: str = "",
        added: str = "",
        arguments: tuple[str, ...] = (),
    ) -> None:
        """`source` stands in place of the stack's, `added` behind it, `arguments` behind the server's."""
        ours, name, command = (STACKS | OTHERS)[stack]
        source = (source or ours) + added
        self.folder = folder
        self.stack = stack
        self.is_asgi = stack.endswith("corn") and "gunicorn" not in stack
        self.spool = folder / "spool"
        (folder / "shop_app.py").write_text(source)
        self._log = (folder / "server.log").open("ab")
        self._seen: set[str] = set()
        self.asked = 0
        self.cut = 0  # answers of which it is not known whether they were recorded
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        name = f"shop_app:{app or name}"
        host, port = "127.0.0.1", str(self.port)
        how = {
            "gunicorn": [name, "--workers", str(workers), "--bind", f"{host}:{port}"],
            "uvicorn": [name, "--workers", str(workers), "--host", host, "--port", port],
            "hypercorn": [name, "--workers", "0", "--bind", f"{host}:{port}"],
            "werkzeug": ["--app", name, "run", "--host", host, "--port", port],
        }[stack.partition("-")[2]]
        environment = {
            **os.environ,
            "SEALTRAIL_SPOOL": str(self.spool),
            "SEALTRAIL_TRUSTED_PROXIES": "127.0.0.1/32",
            "SEALTRAIL_PSEUDONYM_KEY": "a key for tests",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command.split(), *how, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self.wait(self.answers)
        except BaseException:
            self.stop()
            raise

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
            self.asked += 1
            try:
                data = answer.read()
            except http.client.IncompleteRead as cut:
                data = cut.partial
            return answer.status, answer.headers, data
        finally:
            connection.close()

    @contextmanager
    def opened(self, target: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """An answer whose body is to be read yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", target, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            self.asked += 1
            yield answer
        finally:
            connection.close()

    def worker(self) -> int:
        """Process id of a worker; 0 while there is none, also where one ended in mid-answer."""
        try:
            body = self.request("GET", "/pid")[2]
        except (OSError, http.client.HTTPException):
            return 0
        if not body:
            self.asked -= 1
            self.cut += 1
            return 0
        return int(json.loads(body)["pid"])

    def workers(self) -> list[int]:
        """Process ids of the master's children."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """End it by kill -9, the master first: it must not start others."""
        children = self.workers()
        for pid in (self.process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        # Whoever reads its spool may rely on it: they are gone.
        for pid in children:
            while _alive(pid):
                time.sleep(0.005)
        self._log.close()

    def lines(self) -> list[bytes]:
        return [line for _, path in segments(self.spool) for line in path.read_bytes().splitlines(True)]

    def events(self, number: int) -> list[Fields]:
        """All events since `forget`, once there are as many. Each line is canonical and passes the door."""
        self.wait(lambda: sum(line.endswith(b"\n") for line in self.lines()) >= number + len(self._seen))
        return self.recorded()

    def recorded(self) -> list[Fields]:
        """All events since `forget` that are there."""
        found = []
        for line in self.lines():
            fields = decode(line[:-1])
            assert is_canonical(line[:-1], fields)
            check(fields)
            if fields["event.id"] not in self._seen:
                found.append(fields)
        return sorted(found, key=lambda fields: fields["event.id"])

    def forget(self) -> None:
        """What was asked up to now was another test's. A WSGI server's record may come after the answer."""

        def events() -> list[Fields]:
            return [decode(line) for line in self.lines() if line.endswith(b"\n")]

        self.wait(lambda: sum(e["sealtrail.kind"] == "request" for e in events()) >= self.asked)
        self._seen = {event["event.id"] for event in events()}

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="session")
def start():
    """Makes servers, which end with the session at the latest."""
    started = []

    def start(folder: Path, stack: str, **options) -> Server:
        started.append(Server(folder, stack, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session", params=STACKS)
def shared(request, start, tmp_path_factory) -> Server:
    return start(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def server(shared: Server) -> Server:
    """A server with one worker, of each stack in turn, and nothing recorded yet."""
    shared.forget()
    return shared
