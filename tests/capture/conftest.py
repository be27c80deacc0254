from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient

import sealtrail
from sealtrail.capture import context, recorder
from sealtrail.capture.recorder import Recorder
from sealtrail.event import Fields, check, decode, hostile, is_canonical, known, model  # noqa: F401 - makers of these lines
from sealtrail.flask import Sealtrail
from sealtrail.spool.layout import segments

Events = Callable[[], list[Fields]]


class Patient(FlaskClient):
    """Reads each answer to its end and closes it; `buffered=False` leaves that to the test."""

    def open(self, *args, buffered: bool = True, **kwargs):
        return super().open(*args, buffered=buffered, **kwargs)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def events(spool: Path) -> Events:
    """Every event recorded so far; each line is canonical and passes the door."""

    def read() -> list[Fields]:
        found = []
        for _, path in segments(spool):
            for line in path.read_bytes().splitlines():
                fields = decode(line)
                assert is_canonical(line, fields)
                check(fields)
                found.append(fields)
        return found

    return read


@pytest.fixture
def made(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The recorder that serves acts outside of requests, of this test's own; it trusts 10.0.0.0/8."""
    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool, trusted_proxies=("10.0.0.0/8",))
    call, acting = context.current.set(None), context._acting.set(None)
    yield made
    context._acting.reset(acting)
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
