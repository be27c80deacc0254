from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient

import sealtrail
from sealtrail.capture import context, recorder
from sealtrail.capture.asgi import AsgiCapture
from sealtrail.capture.recorder import Recorder
from sealtrail.capture.wsgi import WsgiCapture
from sealtrail.event import Fields, check, decode, hostile, is_canonical, known, model  # noqa: F401 - makers of these lines
from sealtrail.flask import Sealtrail

Events = Callable[[], list[Fields]]


class Patient(FlaskClient):
    """Reads each answer to its end and closes it; `buffered=False` leaves that to the test."""

    def open(self, *args, buffered: bool = True, **kwargs):
        return super().open(*args, buffered=buffered, **kwargs)


@pytest.fixture
def made(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The recorder that serves acts outside of requests, of this test's own; it trusts 10.0.0.0/8."""
    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool, trusted_proxies=("10.0.0.0/8",))
    call, acting = context.current.set(None), context.acting_outside.set(None)
    yield made
    context.acting_outside.reset(acting)
    context.current.reset(call)
    made.spool.close()


@pytest.fixture
def app(spool: Path) -> Flask:
    app = Flask("tested")
    app.test_client_class = Patient
    Sealtrail(app, service="tested", spool=spool, trusted_proxies=["127.0.0.1/32"])

    @app.route("/items/<number>", methods=["GET", "POST"])
    def item(number: str) -> str:
        sealtrail.actor(user_id="u1", roles=["clerk"])
        sealtrail.touched("item", number, owner="u2")
        return f"item {number}"

    @app.get("/boom")
    def boom() -> str:
        raise KeyError("no")

    @app.get("/forbidden")
    def forbidden() -> str:
        abort(403)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "a" * 10
        yield "b" * 5

    @app.get("/broken-stream")
    def broken() -> Iterator[str]:
        yield "a"
        raise ValueError("half way")

    @app.post("/login")
    def login() -> str:
        sealtrail.login_failed(name=request.form["name"], reason="bad_password")
        return "no"

    @app.get("/id")
    def identity() -> str:
        return sealtrail.request_id()

    return app


def scope_of(environ: dict[str, str]) -> dict[str, object]:
    """The ASGI scope of what a WSGI server would hand on as `environ`."""

    def raw(text: str) -> bytes:
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogatepass")

    names = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    names |= {n: environ[n] for n in ("CONTENT_TYPE", "CONTENT_LENGTH") if n in environ}
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    target = environ.get("RAW_URI", "")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "")[5:],
        "method": environ.get("REQUEST_METHOD", ""),
        "scheme": environ.get("wsgi.url_scheme", ""),
        "path": raw(path).decode("utf-8", "replace"),
        "raw_path": raw(target.partition("?")[0]) if target else None,
        "query_string": raw(environ.get("QUERY_STRING", "")),
        "root_path": environ.get("SCRIPT_NAME", ""),
        "headers": [(raw(n.lower().replace("_", "-")), raw(value)) for n, value in names.items()],
        "client": (environ.get("REMOTE_ADDR", ""), 4711),
    }


@pytest.fixture
def ask(made: Recorder):
    """One connection to an ASGI application, as a server makes it; what was sent, and what was raised.

    `inbox` is what the application receives, in order, before its client goes away.
    """

    def ask(app, inbox=({"type": "http.request"},), *, send=None, **scope):
        sent = []
        waiting = list(inbox)
        kind = scope.get("type", "http")

        async def receive():
            return waiting.pop(0) if waiting else {"type": f"{kind}.disconnect"}

        async def collect(message):
            if send is not None:
                await send(message)
            sent.append(message)

        plain = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "RAW_URI": "/a", "REMOTE_ADDR": "203.0.113.9"}
        whole = {**scope_of({**plain, "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"}), **scope}
        raised = None
        try:
            asyncio.run(AsgiCapture(app, made)(whole, receive, collect))
        except BaseException as error:
            raised = error
        return SimpleNamespace(
            sent=sent,
            status=next((m["status"] for m in sent if m and "status" in m), None),
            headers=dict(next((m["headers"] for m in sent if m and "headers" in m), ())),
            body=b"".join(m.get("body", b"") for m in sent if m),
            raised=raised,
            scope=whole,
        )

    return ask


@pytest.fixture(params=["wsgi", "asgi"])
def call(request, made: Recorder, ask):
    """One request of a WSGI environ, through either door, to an application that answers as given."""

    def through_wsgi(environ, status, headers, body):
        def app(_, start_response):
            start_response(status, list(headers))
            return list(body)

        whole = {**environ, "wsgi.input": io.BytesIO()}
        answer = WsgiCapture(app, made)(whole, lambda *_: lambda _: None)
        list(answer)
        answer.close()

    def through_asgi(environ, status, headers, body):
        async def app(scope, receive, send):
            pairs = [(n.encode(), v.encode("utf-8", "surrogatepass")) for n, v in headers]
            await send({"type": "http.response.start", "status": int(status[:3]), "headers": pairs})
            for part in body:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})

        assert ask(app, **scope_of(environ)).raised is None

    through = through_wsgi if request.param == "wsgi" else through_asgi

    def call(environ, status="200 OK", headers=(), body=(b"x",)):
        plain = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/a",
            "RAW_URI": "/a",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "203.0.113.9",
            "HTTP_HOST": "shop.example:8000",
            "wsgi.url_scheme": "http",
        }
        through({**plain, **environ}, status, headers, body)

    return call
