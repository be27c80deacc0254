"""Whose work is this: ids of the request, of OpenTelemetry's span, of both and of neither."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import sealtrail
from sealtrail.capture.traces import Ids, current, members, onward


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


def going_on(traceparent, tracestate=""):
    return SimpleNamespace(head=SimpleNamespace(traceparent=traceparent, tracestate=tracestate))


@pytest.mark.parametrize(
    ("flags", "sent"), [("00", "00"), ("01", "01"), ("03", "03"), ("02", "02"), ("ff", "03"), ("f0", "00")]
)
def test_flags_are_those_of_the_caller_as_far_as_they_are_known(flags, sent):
    call = going_on(f"00-{'a' * 32}-{'b' * 16}-{flags}", "k=v")
    assert onward(call, "a" * 32) == (sent, "k=v")


@pytest.mark.parametrize(
    "traceparent", ["", "junk", f"00-{'0' * 32}-{'b' * 16}-00", f"00-{'c' * 32}-{'b' * 16}-00"]
)
def test_a_trace_that_begins_here_is_sampled_and_has_no_state(traceparent):
    assert onward(going_on(traceparent, "k=v"), "a" * 32) == ("01", "")
    assert onward(None, "a" * 32) == ("01", "")


def test_a_later_version_is_read_as_far_as_this_one_goes():
    assert onward(going_on(f"01-{'a' * 32}-{'b' * 16}-01-more", "k=v"), "a" * 32) == ("01", "k=v")


def test_flags_and_state_of_opentelemetrys_span_come_first():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, use_span

    context = SpanContext(
        0xA1, 0xB1, is_remote=False, trace_flags=TraceFlags(0), trace_state=TraceState([("k", "v")])
    )
    caller = going_on(f"00-{0xA1:032x}-{'b' * 16}-01", "other=1")
    with use_span(NonRecordingSpan(context)):
        assert onward(caller, f"{0xA1:032x}") == ("00", "k=v")
        assert onward(caller, f"{0xA2:032x}") == ("01", "")
    with TracerProvider().get_tracer("t").start_as_current_span("work") as span:
        assert onward(None, f"{span.get_span_context().trace_id:032x}")[0] in {"01", "03"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a=1,b=2", "a=1,b=2"),
        (" a=1 ,\tb=2 ,, ", "a=1,b=2"),
        ("tenant@vendor=x:y;z", "tenant@vendor=x:y;z"),
        ("A=1", ""),
        ("a=1,a=2", ""),
        ("a=1\r\nX-Evil: 1", ""),
        ("a=\u00e9", ""),
        ("a", ""),
        (",".join(f"k{n}=v" for n in range(33)), ""),
        (
            ",".join([f"long={'x' * 200}", *(f"k{n}={'v' * 20}" for n in range(15))]),
            ",".join(f"k{n}={'v' * 20}" for n in range(15)),
        ),
        (",".join(f"k{n}={'v' * 100}" for n in range(8)), ",".join(f"k{n}={'v' * 100}" for n in range(4))),
    ],
)
def test_a_state_goes_on_whole_or_shortened_by_members_or_not_at_all(given, sent):
    assert members(given) == sent
