"""Calls through each library, to a real server: what is recorded, and that nothing else changed."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
import urllib3
from opentelemetry.sdk.trace import TracerProvider

from sealtrail.errors import UsageError
from sealtrail.outgoing import httpx as by_httpx
from sealtrail.outgoing import requests as by_requests
from sealtrail.outgoing import urllib3 as by_urllib3
from sealtrail.outgoing.call import Outgoing
from sealtrail.outgoing.hosts import Hosts

Ask = Callable[..., tuple[int, bytes]]


def _httpx(method, url, *, ca=None, follow=False, propagate_to=None, **given):
    verify = ca if ca is False else _trusting(ca)
    with httpx.Client(verify=verify, follow_redirects=follow, trust_env=False) as client:
        answer = by_httpx.watch(client, propagate_to=propagate_to).request(method, url, **given)
    return answer.status_code, answer.content


def _httpx_async(method, url, *, ca=None, follow=False, propagate_to=None, **given):
    async def ask():
        verify = ca if ca is False else _trusting(ca)
        async with httpx.AsyncClient(verify=verify, follow_redirects=follow, trust_env=False) as client:
            answer = await by_httpx.watch(client, propagate_to=propagate_to).request(method, url, **given)
        return answer.status_code, answer.content

    return asyncio.run(ask())


def _requests(method, url, *, ca=None, follow=False, propagate_to=None, content=None, **given):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = True if ca is None else ca
        by_requests.watch(session, propagate_to=propagate_to)
        answer = session.request(method, url, allow_redirects=follow, data=content, **given)
    return answer.status_code, answer.content


def _urllib3(method, url, *, ca=None, follow=False, propagate_to=None, content=None, **given):
    tls = {"cert_reqs": "CERT_NONE"} if ca is False else {"ca_certs": ca} if ca else {}
    with urllib3.PoolManager(retries=False, **tls) as manager:
        by_urllib3.watch(manager, propagate_to=propagate_to)
        answer = manager.request(
            method, url, redirect=follow, retries=None if follow else False, body=content, **given
        )
    return answer.status, answer.data


def _trusting(ca):
    import ssl

    return ssl.create_default_context(cafile=ca) if ca else True


@pytest.fixture(params=[_httpx, _httpx_async, _requests, _urllib3], ids=lambda one: one.__name__[1:])
def ask(request: pytest.FixtureRequest) -> Ask:
    """One request by a library: (status, body)."""
    return request.param


def test_a_call_is_an_event_with_where_it_went_and_how_it_ended(ask: Ask, server, events, inside) -> None:
    url = f"{server.url}/ok/4?page=2&token=s3cr3t-value-9999"
    assert ask("POST", url, content=b"12345", headers={"Content-Type": "text/plain"}) == (200, b'{"a": 1}')
    (event,) = events()
    assert event["sealtrail.kind"] == "outbound"
    assert event["event.action"] == "http.client"
    assert event["event.category"] == ["network"]
    assert event["event.type"] == ["connection"]
    assert event["event.outcome"] == "success"
    assert event["network.direction"] == "egress"
    assert event["destination.domain"] == event["destination.ip"] == "127.0.0.1"
    assert event["destination.port"] == server.port
    assert event["url.scheme"] == "http"
    assert event["url.path"] == "/ok/4"
    assert event["http.request.method"] == "POST"
    assert event["http.request.body.bytes"] == 5
    assert event["http.request.mime_type"] == "text/plain"
    assert event["http.response.status_code"] == 200
    assert event["http.response.body.bytes"] == 8
    assert event["http.response.mime_type"] == "application/json"
    assert event["http.version"] == "1.1"
    assert event["event.duration"] > 0
    assert event["user.id"] == "u1"
    assert event["organization.id"] == "acme"
    assert "s3cr3t" not in repr(event)
    assert "tls.version" not in event
    assert "sealtrail.notes" not in event


def test_the_trace_and_the_request_go_along(ask: Ask, server, events, inside) -> None:
    ask("GET", f"{server.url}/ok")
    (event,) = events()
    ((_, headers),) = server.seen
    sent = {name.lower(): value for name, value in headers.items()}
    assert event["trace.id"] == "a" * 32
    assert event["parent.id"] == "b" * 16
    assert event["span.id"] not in {"b" * 16, ""}
    assert sent["traceparent"] == f"00-{'a' * 32}-{event['span.id']}-01"
    assert sent["x-request-id"] == event["http.request.id"] == "request-1"


def test_whether_a_trace_is_sampled_and_its_state_are_the_callers(ask: Ask, server, inside) -> None:
    inside.head = SimpleNamespace(traceparent=f"00-{'a' * 32}-{'b' * 16}-00", tracestate="k=v, j=w")
    ask("GET", f"{server.url}/ok")
    ask("GET", f"{server.url}/ok", headers={"Tracestate": "mine=1"})
    sent = [{name.lower(): value for name, value in seen.items()} for _, seen in server.seen]
    assert [one["traceparent"][-3:] for one in sent] == ["-00", "-00"]
    assert [one["tracestate"] for one in sent] == ["k=v,j=w", "mine=1"]


def test_a_span_of_opentelemetry_is_what_a_call_is_made_in(ask: Ask, server, events) -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("work") as span:
        ask("GET", f"{server.url}/ok")
    (event,) = events()
    context = span.get_span_context()
    assert event["trace.id"] == f"{context.trace_id:032x}"
    assert event["parent.id"] == f"{context.span_id:016x}"


def test_outside_of_a_request_a_trace_begins(ask: Ask, server, events) -> None:
    ask("GET", f"{server.url}/ok")
    (event,) = events()
    sent = {name.lower(): value for name, value in server.seen[0][1].items()}
    assert re.fullmatch(r"[0-9a-f]{32}", event["trace.id"])
    assert sent["traceparent"] == f"00-{event['trace.id']}-{event['span.id']}-01"
    assert "x-request-id" not in sent
    assert event["user.id"] == "anonymous"


def test_headers_that_are_there_stay_and_are_what_is_recorded(ask: Ask, server, events, inside) -> None:
    theirs = {"Traceparent": f"00-{'c' * 32}-{'d' * 16}-00", "X-Request-Id": "mine"}
    ask("GET", f"{server.url}/ok", headers=dict(theirs))
    (event,) = events()
    sent = [(name.lower(), value) for name, value in server.seen[0][1].items()]
    assert [pair for pair in sent if pair[0] == "traceparent"] == [("traceparent", theirs["Traceparent"])]
    assert [pair for pair in sent if pair[0] == "x-request-id"] == [("x-request-id", "mine")]
    assert (event["trace.id"], event["span.id"]) == ("c" * 32, "d" * 16)


def test_hosts_that_were_not_named_are_told_of_no_trace(ask: Ask, server, events, inside) -> None:
    ask("GET", f"{server.url}/ok", propagate_to=["*.example.com"])
    ask("GET", f"{server.url}/ok", propagate_to=["127.0.0.1"])
    told = [{"traceparent", "x-request-id"} & {name.lower() for name in seen} for _, seen in server.seen]
    assert told == [set(), {"traceparent", "x-request-id"}]
    assert len(events()) == 2


def test_each_hop_of_a_redirect_is_a_call_and_the_next_says_what_led_there(
    ask: Ask, server, secure, events, inside, certificate
) -> None:
    secure.server.to = f"http://user:pw@localhost:{server.port}/ok?password=hunter2"
    assert ask("GET", f"{secure.url}/hop", ca=certificate.pem, follow=True)[0] == 200
    first, second = events()
    assert first["http.response.status_code"] == 302
    assert first["sealtrail.redirect.host_changed"] is True
    assert first["sealtrail.redirect.to"].startswith(f"http://localhost:{server.port}/ok?password=[redacted")
    assert "sealtrail.redirect.count" not in first
    assert second["sealtrail.redirect.count"] == 1
    assert second["destination.domain"] == "localhost"
    assert first["trace.id"] == second["trace.id"]
    assert first["span.id"] != second["span.id"]
    assert "hunter2" not in repr((first, second))


def test_a_redirect_takes_no_trace_to_a_host_that_was_not_named(ask: Ask, server, inside) -> None:
    server.server.to = f"http://localhost:{server.port}/ok"
    ask("GET", f"{server.url}/hop", follow=True, propagate_to=["127.0.0.1"])
    told = [{"traceparent", "x-request-id"} & {name.lower() for name in seen} for _, seen in server.seen]
    assert told == [{"traceparent", "x-request-id"}, set()]


def test_a_verified_certificate_is_named(ask: Ask, secure, events, certificate) -> None:
    ask("GET", f"{secure.url}/ok", ca=certificate.pem)
    (event,) = events()
    assert event["tls.version"] == "1.3"
    assert event["sealtrail.tls.verified"] is True
    assert event["tls.server.hash.sha256"] == certificate.sha256
    assert event["tls.server.subject"] == event["tls.server.issuer"] == "CN=localhost,O=Payments"
    assert event["tls.server.not_after"] == certificate.end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert event["tls.cipher"].startswith("TLS_")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_nobody_verified_is_said_to_be_so(ask: Ask, secure, events, certificate) -> None:
    ask("GET", f"{secure.url}/ok", ca=False)
    (event,) = events()
    assert event["sealtrail.tls.verified"] is False
    assert event["tls.server.hash.sha256"] == certificate.sha256
    assert "tls.server.subject" not in event


def test_a_call_to_a_server_that_nobody_trusts_fails_and_is_recorded(ask: Ask, secure, events) -> None:
    with pytest.raises(Exception, match=r"(?i)certificate"):
        ask("POST", f"{secure.url}/ok?token=s3cr3t-value-9999", content=b"1")
    (event,) = events()
    assert event["event.outcome"] == "failure"
    assert event["event.type"] == ["connection", "error"]
    assert event["http.request.method"] == "POST"
    assert event["error.type"]
    assert "http.response.status_code" not in event
    assert "s3cr3t" not in repr(event)


def test_a_server_that_is_not_there_is_a_failure_by_class(ask: Ask, events) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises((httpx.ConnectError, requests.ConnectionError, urllib3.exceptions.HTTPError)):
            ask("GET", f"http://127.0.0.1:{port}/ok")
    (event,) = events()
    assert re.search(r"Connect|NewConnection|Refused", event["error.type"])
    assert event["destination.port"] == port
    assert event["event.outcome"] == "failure"


@pytest.mark.parametrize(("path", "size"), [("/large", 70_000), ("/chunks", 12)])
def test_the_bytes_of_a_body_are_counted(ask: Ask, server, events, path, size) -> None:
    assert len(ask("GET", f"{server.url}{path}")[1]) == size
    (event,) = events()
    assert event["http.response.body.bytes"] == size
    assert "sealtrail.notes" not in event


def test_a_body_that_breaks_off_is_noted(ask: Ask, server, events) -> None:
    with pytest.raises(Exception, match=r"(?i)incomplete|peer closed|broken"):
        ask("GET", f"{server.url}/cut")
    (event,) = events()
    # urllib3 by itself reads the body together with the head, and tells of neither.
    assert event.get("http.response.status_code") == 200 or ask is _urllib3
    assert event["event.outcome"] == "failure"
    assert event.get("error.type") or "response.unfinished" in event["sealtrail.notes"]


def test_an_answer_of_four_hundred_is_a_failure_of_the_call(ask: Ask, server, events) -> None:
    assert ask("GET", f"{server.url}/missing")[0] == 404
    assert events()[0]["event.outcome"] == "failure"


def test_a_method_that_nobody_knows_is_kept_beside(ask: Ask, server, events) -> None:
    ask("BREW", f"{server.url}/ok")
    (event,) = events()
    assert event["http.request.method"] == "_OTHER"
    assert event["http.request.method_original"] == "BREW"


def test_one_text_is_no_list_of_hosts(ask: Ask, server) -> None:
    with pytest.raises(UsageError):
        ask("GET", f"{server.url}/ok", propagate_to="example.com")


def test_a_call_that_is_forgotten_is_recorded_when_it_goes(events) -> None:
    call: Any = Outgoing("GET", "https", "pay.example", None, "/a")
    call.answered(200, {}, "1.1")
    del call
    (event,) = events()
    assert event["sealtrail.notes"] == ["response.unfinished"]
    assert event["destination.port"] == 443


def test_what_cannot_be_recorded_is_counted_and_harms_nobody(made, monkeypatch) -> None:
    call = Outgoing("GET", "https", "pay.example", None, "/a")
    call.peer = None  # type: ignore[assignment]
    call.finish()
    assert made.errors == 1
    made.errors = 0


def test_an_ipv6_destination_is_written_without_brackets(events) -> None:
    call = Outgoing("GET", "http", "[::1]", 8000, "/a#part")
    assert call.headers({}, Hosts(["::1"])).keys() == {"traceparent"}
    call.finish(0)
    assert events()[0]["destination.domain"] == "::1"
    assert events()[0]["url.original"] == "/a"
