import json
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sealtrail
from sealtrail.capture.wsgi import WsgiCapture


def test_all_that_a_request_carries_stands_in_its_field(call, made, events):
    call(
        {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "/api",
            "PATH_INFO": "/b",
            "QUERY_STRING": "p=1",
            "RAW_URI": "/api/b?p=1",
            "CONTENT_TYPE": "application/merge-patch+json; charset=utf-8",
            "CONTENT_LENGTH": "12",
            "HTTP_USER_AGENT": "agent/1",
            "HTTP_REFERER": "https://x.example/y",
            "HTTP_AUTHORIZATION": "Bearer abc",
            "REMOTE_ADDR": "10.0.0.1",
            "HTTP_X_FORWARDED_FOR": "198.51.100.1",
            "HTTP_X_FORWARDED_PROTO": "https",
        },
        "201 Created",
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "3")],
        [b"ab", b"c"],
    )
    (event,) = events()
    expected = {
        "sealtrail.kind": "request",
        "event.kind": "event",
        "event.category": ["web", "api"],
        "event.type": ["access", "allowed"],
        "event.action": "http.request",
        "event.outcome": "success",
        "user.id": "anonymous",
        "sealtrail.auth.scheme": "bearer",
        "sealtrail.auth.token_hash": made.pseudonyms.of("token", "abc"),
        "client.ip": "198.51.100.1",
        "source.ip": "10.0.0.1",
        "user_agent.original": "agent/1",
        "http.request.method": "POST",
        "url.scheme": "https",
        "url.domain": "shop.example",
        "url.original": "/api/b?p=1",
        "url.path": "/api/b",
        "url.query": "p=1",
        "http.version": "1.1",
        "http.request.mime_type": "application/merge-patch+json",
        "http.request.body.bytes": 12,
        "http.request.referrer": "https://x.example/y",
        "http.response.status_code": 201,
        "http.response.mime_type": "text/html",
        "http.response.body.bytes": 3,
        "service.name": "shop",
    }
    assert {name: event.get(name) for name in expected} == expected
    assert event["http.request.id"] == event["event.id"]
    assert event["trace.id"] == event["event.id"].replace("-", "")
    assert event["event.start"] <= event["@timestamp"]


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("Basic YTpi", "basic"),
        ("Digest a=b", "digest"),
        ("raw-key", "other"),
        ("<x> y", "other"),
        ("Bearer ", "other"),
    ],
)
def test_the_scheme_of_a_credential_is_told_and_the_credential_is_hashed(call, made, events, header, scheme):
    call({"HTTP_AUTHORIZATION": header})
    (event,) = events()
    assert event["sealtrail.auth.scheme"] == scheme
    assert len(event["sealtrail.auth.token_hash"]) == 32
    assert "YTpi" not in json.dumps(event)


def test_an_api_key_header_is_a_credential(call, made, events):
    call({"HTTP_X_API_KEY": "planted-key-1"})
    (event,) = events()
    assert event["sealtrail.auth.scheme"] == "api-key"
    assert "planted-key-1" not in json.dumps(event)


def test_a_forwarded_scheme_of_a_stranger_is_ignored(call, made, events):
    call({"HTTP_X_FORWARDED_PROTO": "https"})
    assert events()[0]["url.scheme"] == "http"


def test_a_path_is_decoded_beside_the_target_as_it_came(call, made, events):
    call({"RAW_URI": "/caf%C3%A9/a%20b", "PATH_INFO": "/caf\u00c3\u00a9/a b"})
    (event,) = events()
    assert event["url.original"] == "/caf%C3%A9/a%20b"
    assert event["url.path"] == "/café/a b"


def test_bytes_that_are_no_text_are_kept_readable_with_a_note(call, made, events):
    call({"RAW_URI": "/%FF", "PATH_INFO": "/\u00ff"})
    (event,) = events()
    assert event["url.path"] == "/\\xff"
    assert "value.not-utf8" in event["sealtrail.notes"]


@pytest.mark.parametrize("known", [False, True])
def test_without_the_raw_target_its_absence_is_noted_and_the_rest_is_scrubbed(call, made, events, known):
    if known:
        call({})
    call({"RAW_URI": "", "PATH_INFO": "/u/alice@example.com", "QUERY_STRING": "password=hunter2"})
    event = events()[-1]
    assert "url.original" not in event
    assert "url.undecoded" in event["sealtrail.notes"]
    assert event["url.path"] == "/u/[redacted:email]"
    assert event["url.query"] == "password=[redacted:password]"


@pytest.mark.parametrize(
    "name",
    ["HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_HOST", "CONTENT_TYPE", "HTTP_X_REQUEST_ID", "REQUEST_METHOD"],
)
def test_a_secret_in_any_header_that_is_recorded_goes(call, spool, name):
    for secret in ("AKIAZ3MVLQ7XN2PKD8WT", "ghp_" + "a1B2c3D4e5F6" * 3):
        call({name: f"x/{secret}"})
        call({name: secret})
    written = b"".join(path.read_bytes() for path in spool.glob("*.ndjson"))
    assert written.count(b"\n") == 4
    for secret in (b"AKIAZ3MVLQ7XN2PKD8WT", b"a1B2c3D4e5F6", b"akiaz3mvlq7xn2pkd8wt", b"a1b2c3d4e5f6"):
        assert secret not in written


def test_long_values_are_cut_and_told(call, made, events):
    call({"RAW_URI": "/" + "a" * 9000, "PATH_INFO": "/" + "a" * 9000, "HTTP_USER_AGENT": "u" * 5000})
    (event,) = events()
    assert len(event["url.path"]) == 4096
    assert set(event["sealtrail.truncated"]) == {"url.original", "url.path", "user_agent.original"}


def test_a_secret_across_the_cut_is_not_cut_into_a_part_that_no_rule_knows(call, spool):
    path = "/" + "a" * 4085 + "/4111111111111111"
    call({"RAW_URI": path, "PATH_INFO": path})
    assert b"41111111" not in b"".join(p.read_bytes() for p in spool.glob("*.ndjson"))


@pytest.mark.parametrize("length", ["", "-1", "abc", "9" * 40, "\u0663", "1_0"])
def test_a_length_that_is_none_is_left_out_or_bounded(call, made, events, length):
    call({"CONTENT_LENGTH": length})
    assert events()[0].get("http.request.body.bytes", 0) < 2**53


def test_the_worst_of_everything_still_fits_an_entry(call, made, events, spool):
    worst = "\x01" * 20_000
    names = (
        "RAW_URI",
        "PATH_INFO",
        "QUERY_STRING",
        "HTTP_USER_AGENT",
        "HTTP_REFERER",
        "HTTP_HOST",
        "CONTENT_TYPE",
    )
    call(
        dict.fromkeys((*names, "REQUEST_METHOD", "SERVER_PROTOCOL"), worst),
        headers=[("Content-Type", worst)],
    )
    (event,) = events()
    assert event["sealtrail.truncated"]
    assert max(map(len, next(iter(spool.glob("*.ndjson"))).read_bytes().splitlines())) <= 65_000
    assert made.errors == 0


NAMES = st.sampled_from(
    [
        "REQUEST_METHOD",
        "PATH_INFO",
        "SCRIPT_NAME",
        "RAW_URI",
        "QUERY_STRING",
        "HTTP_HOST",
        "HTTP_USER_AGENT",
        "HTTP_REFERER",
        "HTTP_AUTHORIZATION",
        "HTTP_X_REQUEST_ID",
        "HTTP_TRACEPARENT",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_FORWARDED",
        "HTTP_X_FORWARDED_PROTO",
        "REMOTE_ADDR",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "SERVER_PROTOCOL",
        "wsgi.url_scheme",
    ]
)


@given(st.dictionaries(NAMES, st.text(st.characters(), max_size=60)), st.text(st.characters(), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_whatever_stands_in_the_environ_one_valid_event_is_written(call, made, events, environ, mime):
    before = made.spool.written
    call(environ, headers=[("Content-Type", mime)])
    assert made.spool.written == before + 1
    assert made.errors == 0
    if made.spool.written % 50 == 0:
        events()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("door", ["wsgi", "asgi"])
def test_a_child_that_is_forked_within_a_request_knows_it_and_does_not_record_it_again(
    made, ask, events, door
):
    def fork():
        child = os.fork()
        if child == 0:
            sealtrail.audit("child.run")
            sys.exit(0)  # not os._exit: it goes out through the middleware
        os.waitpid(child, 0)

    def flat(environ, start_response):
        fork()
        start_response("200 OK", [])
        return [b"x"]

    async def deep(scope, receive, send):
        fork()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    parent = os.getpid()
    try:
        if door == "asgi":
            ask(deep)
        else:
            answer = WsgiCapture(flat, made)({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None)
            list(answer)
            answer.close()
    finally:
        if os.getpid() != parent:
            os._exit(0)
    act, request = sorted(events(), key=lambda event: event["event.action"])
    assert (act["event.action"], request["event.action"]) == ("child.run", "http.request")
    assert act["http.request.id"] == request["http.request.id"]
    assert act["process.pid"] != request["process.pid"] == parent
    assert act["sealtrail.emitter"] != request["sealtrail.emitter"]
    assert (act["sealtrail.seq"], request["sealtrail.seq"]) == (0, 0)


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("Root=1-5759e988-bd862e3fe1be46a994272793", True),
        ("password=hunter2secret", False),
        ("cGFzc3dvcmQ9aHVudGVyMg", False),
    ],
)
def test_an_id_that_holds_a_secret_is_not_taken_over(call, events, given, is_taken):
    call({"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "HTTP_X_REQUEST_ID": given})
    (event,) = events()
    assert (event["http.request.id"] == given) is is_taken
    assert ("request-id.refused" in event.get("sealtrail.notes", ())) is not is_taken
