"""Events join the traces of OpenTelemetry: its SDK and its instrumentations, as applications use them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture import otel
from sealtrail.flask import Sealtrail

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def tracing():
    """A provider of this test's own, and the spans that ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield SimpleNamespace(
        provider=provider, tracer=provider.get_tracer("t"), spans=exporter.get_finished_spans
    )
    provider.shutdown()


def server_span(tracing):
    return next(span for span in tracing.spans() if span.kind is SpanKind.SERVER)


def ids(span):
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def of(event):
    return event["trace.id"], event["span.id"]


def by_action(events):
    return {event["event.action"]: event for event in events()}


@pytest.mark.parametrize("first", ["sealtrail", "opentelemetry"])
@pytest.mark.parametrize("headers", [{}, {"traceparent": CALLER}])
def test_a_flask_request_is_its_server_span_and_an_act_the_span_around_it(
    first, headers, tracing, made, events
):
    app = Flask("tested")
    if first == "sealtrail":
        Sealtrail(app, service="shop", spool=made.settings.spool)
    FlaskInstrumentor().instrument_app(app, tracer_provider=tracing.provider)
    if first != "sealtrail":
        Sealtrail(app, service="shop", spool=made.settings.spool)

    @app.get("/pay")
    def pay():
        with tracing.tracer.start_as_current_span("inner"):
            sealtrail.audit("invoice.pay")
        return "paid"

    try:
        with app.test_client() as client:
            client.get("/pay", headers=headers).close()
    finally:
        FlaskInstrumentor().uninstrument_app(app)
    found = by_action(events)
    span = server_span(tracing)
    inner = next(one for one in tracing.spans() if one.name == "inner")
    assert of(found["http.request"]) == ids(span)
    assert of(found["invoice.pay"]) == ids(inner)
    if headers:
        assert found["http.request"]["trace.id"] == CALLER.split("-")[1]
        assert found["http.request"]["parent.id"] == CALLER.split("-")[2]
    else:
        assert "parent.id" not in found["http.request"]


@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.parametrize("headers", [{}, {"traceparent": CALLER}])
def test_a_fastapi_request_is_its_server_span_wherever_our_middleware_stands(
    place, headers, tracing, made, events
):
    app = FastAPI()

    @app.get("/pay")
    async def pay():
        with tracing.tracer.start_as_current_span("inner"):
            sealtrail.audit("invoice.pay")
        return "paid"

    if place == "inside":
        app.add_middleware(SealtrailMiddleware, service="shop", spool=made.settings.spool)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=tracing.provider)
    whole = app if place == "inside" else SealtrailMiddleware(app, service="shop", spool=made.settings.spool)

    async def ask():
        transport = httpx.ASGITransport(whole)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            assert (await client.get("/pay", headers=headers)).status_code == 200

    try:
        asyncio.run(ask())
    finally:
        FastAPIInstrumentor.uninstrument_app(app)
    found = by_action(events)
    assert of(found["http.request"]) == ids(server_span(tracing))
    assert of(found["invoice.pay"]) == ids(next(one for one in tracing.spans() if one.name == "inner"))
    if headers:
        assert found["http.request"]["trace.id"] == CALLER.split("-")[1]
        assert found["http.request"]["parent.id"] == CALLER.split("-")[2]


def test_an_asgi_request_that_raises_is_its_server_span(tracing, made, events):
    async def broken(scope, receive, send):
        raise KeyError("no")

    app = OpenTelemetryMiddleware(
        SealtrailMiddleware(broken, service="shop", spool=made.settings.spool),
        tracer_provider=tracing.provider,
    )

    async def ask():
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://x.example"
        ) as client:
            with pytest.raises(KeyError):
                await client.get("/")

    asyncio.run(ask())
    assert of(events()[0]) == ids(server_span(tracing))


def test_an_act_outside_of_a_request_belongs_to_the_current_span(tracing, made, events):
    with tracing.tracer.start_as_current_span("job") as span:
        sealtrail.audit("report.export")
        sealtrail.login_succeeded(user_id="u1")
    sealtrail.audit("report.delete")
    inside, login, outside = events()
    assert of(inside) == of(login) == ids(span)
    assert "trace.id" not in outside


def test_without_a_span_the_ids_are_our_own(app, events):
    assert otel.API in sys.modules
    app.test_client().get("/items/7", headers={"traceparent": CALLER})
    event = events()[0]
    assert event["trace.id"] == CALLER.split("-")[1]
    assert event["parent.id"] == CALLER.split("-")[2]


@pytest.mark.parametrize(
    "module",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(get_current_span=lambda: 1 / 0),
        SimpleNamespace(get_current_span=lambda: SimpleNamespace(get_span_context=lambda: None)),
        SimpleNamespace(
            get_current_span=lambda: SimpleNamespace(
                get_span_context=lambda: SimpleNamespace(is_valid=True, trace_id="x", span_id=None)
            )
        ),
    ],
)
def test_a_module_that_is_not_what_it_seems_does_no_harm(app, events, monkeypatch, module):
    monkeypatch.setitem(sys.modules, otel.API, module)
    assert otel.span_ids() is None
    app.test_client().get("/items/7")
    sealtrail.audit("x.y")
    assert len(events()[0]["trace.id"]) == 32


def test_opentelemetry_is_not_imported_by_us():
    code = (
        "import sys, sealtrail, sealtrail.flask, sealtrail.asgi, sealtrail.logging\n"
        "sealtrail.audit('x')\n"
        "raise SystemExit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0
