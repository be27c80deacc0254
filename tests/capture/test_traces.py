"""Whose work is this: ids of the request, of OpenTelemetry's span, of both and of neither."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import sealtrail
from sealtrail.capture.traces import Ids, current


def test_outside_of_a_request_there_is_the_actor_and_nothing_else(made):
    assert current() == Ids()
    with sealtrail.actor(user_id="u1"):
        assert current() == Ids("", "", "", "u1")


def test_within_a_request_ids_are_those_of_its_event(app, events):
    seen = []

    @app.get("/seen")
    def look():
        sealtrail.actor(user_id="u1")
        seen.append(current())
        return "x"

    app.test_client().get("/seen", headers={"X-Request-ID": "r-1"})
    event = events()[0]
    assert seen == [Ids("r-1", event["trace.id"], event["span.id"], "u1")]


def test_a_module_of_opentelemetry_that_is_not_whole_is_as_none(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", SimpleNamespace())
    assert current() == Ids()


def test_the_current_span_of_opentelemetry_gives_the_trace(made):
    from opentelemetry.sdk.trace import TracerProvider

    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        context = span.get_span_context()
        assert current() == Ids("", f"{context.trace_id:032x}", f"{context.span_id:016x}", "")
    assert current() == Ids()
