from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.accesslog import combined, common
from sealtrail.errors import EventError

PLAIN = (
    b'203.0.113.9 - alice [17/May/2015:10:05:03 +0200] "GET /a%20b/x?q=1&r=2 HTTP/1.1" 200 2326 '
    b'"https://shop.example/" "Mozilla/5.0 (X11)"'
)


def line(
    request: bytes = b"GET / HTTP/1.1",
    *,
    host: bytes = b"203.0.113.9",
    user: bytes = b"-",
    when: bytes = b"17/May/2015:10:05:03 +0000",
    status: bytes = b"200",
    size: bytes = b"5",
    referrer: bytes = b"-",
    agent: bytes = b"curl/8.5",
) -> bytes:
    return b'%s - %s [%s] "%s" %s %s "%s" "%s"' % (host, user, when, request, status, size, referrer, agent)


def test_a_combined_line_becomes_a_request_in_ecs_names():
    assert combined(PLAIN) == {
        "@timestamp": "2015-05-17T08:05:03.000000Z",
        "sealtrail.kind": "request",
        "event.kind": "event",
        "event.category": ["web"],
        "event.type": ["access"],
        "event.action": "http.request",
        "event.outcome": "success",
        "client.ip": "203.0.113.9",
        "user.name": "alice",
        "http.request.method": "GET",
        "http.version": "1.1",
        "url.original": "/a%20b/x?q=1&r=2",
        "url.path": "/a b/x",
        "url.query": "q=1&r=2",
        "http.response.status_code": 200,
        "http.response.body.bytes": 2326,
        "http.request.referrer": "https://shop.example/",
        "user_agent.original": "Mozilla/5.0 (X11)",
        "ecs.version": "9.0.0",
        "sealtrail.schema": 1,
        "sealtrail.import": True,
    }


def test_a_common_line_has_neither_referrer_nor_agent():
    fields = common(b'::ffff:203.0.113.9 - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.0" 404 -')
    assert fields["client.ip"] == "203.0.113.9"
    assert fields["event.outcome"] == "failure"
    assert fields["http.response.body.bytes"] == 0
    assert not {"http.request.referrer", "user_agent.original", "user.name", "url.query"} & fields.keys()


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        (b"2001:DB8:0:0::1", "client.ip", "2001:db8::1"),
        (b"crawler.example.com", "client.address", "crawler.example.com"),
    ],
)
def test_an_address_and_a_looked_up_name_go_to_different_fields(host: bytes, name: str, value: str):
    assert combined(line(host=host))[name] == value


@pytest.mark.parametrize(
    ("when", "utc"),
    [
        (b"01/Jan/2024:00:30:00 +0530", "2023-12-31T19:00:00.000000Z"),
        (b"29/Feb/2024:23:59:59 -0800", "2024-03-01T07:59:59.000000Z"),
    ],
)
def test_a_local_time_is_stored_in_utc(when: bytes, utc: str):
    assert combined(line(when=when))["@timestamp"] == utc


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            b"PROPFIND /dav HTTP/1.1",
            {"http.request.method": "_OTHER", "http.request.method_original": "PROPFIND"},
        ),
        (b"get / HTTP/1.1", {"http.request.method": "_OTHER", "http.request.method_original": "get"}),
        (b"GET /old", {"http.request.method": "GET", "http.version": "0.9", "url.path": "/old"}),
        (
            b"GET /a b?c d HTTP/1.1",
            {"url.path": "/a b", "url.query": "c d", "sealtrail.notes": ["url.space"]},
        ),
        (
            b"GET http://Evil.example:8080/x?y HTTP/1.1",
            {"url.scheme": "http", "url.domain": "evil.example", "url.path": "/x", "url.query": "y"},
        ),
        (b"CONNECT [2001:db8::1]:443 HTTP/1.1", {"url.domain": "[2001:db8::1]"}),
        (b"OPTIONS * HTTP/1.1", {"url.original": "*", "http.request.method": "OPTIONS"}),
        (b"GET ../../etc/passwd HTTP/1.0", {"url.path": "../../etc/passwd"}),
        (b"GET /%2e%2e/%00 HTTP/1.0", {"url.path": "/../\0", "url.original": "/%2e%2e/%00"}),
        (rb"GET /\"quoted\\\" HTTP/1.1", {"url.original": '/"quoted\\"'}),
        (rb"GET /caf\xc3\xa9 HTTP/1.1", {"url.original": "/café"}),
        (rb"GET /caf\xe9 HTTP/1.1", {"url.original": "/café", "sealtrail.notes": ["url.original:latin-1"]}),
        (b"GET /caf\xe9 HTTP/1.1", {"url.original": "/café", "sealtrail.notes": ["url.original:latin-1"]}),
        (b"GET /caf%E9 HTTP/1.1", {"url.path": "/café", "sealtrail.notes": ["url.path:latin-1"]}),
    ],
)
def test_requests_as_servers_really_write_them(request_: bytes, expected: dict[str, Any]):
    fields = combined(line(request_))
    assert {name: fields.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("request_", "original"),
    [
        (rb"\x16\x03\x01\x02", "\x16\x03\x01\x02"),
        (b"GET HTTP/1.1", "GET HTTP/1.1"),
        (b"\\n", "\n"),
        (b"SSH-2.0-Go", "SSH-2.0-Go"),
        (b"GET /x FTP/1", "GET /x FTP/1"),
        (b"quit", "quit"),
    ],
)
def test_a_request_that_is_none_is_kept_whole_with_a_note(request_: bytes, original: str):
    fields = combined(line(request_, status=b"400"))
    assert fields["url.original"] == original
    assert fields["sealtrail.notes"][-1] == "request.malformed"
    assert "http.request.method" not in fields
    assert fields["event.outcome"] == "failure"


def test_a_client_that_never_spoke_is_an_event_without_a_url():
    fields = combined(line(b"-", status=b"408", size=b"-"))
    assert fields["sealtrail.notes"] == ["request.missing"]
    assert "url.original" not in fields


def test_a_status_that_was_never_sent_is_unknown():
    for status in (b"-", b"000"):
        fields = combined(line(status=status))
        assert fields["event.outcome"] == "unknown"
        assert "http.response.status_code" not in fields


def test_a_name_that_was_only_tried_is_not_recorded():
    fields = combined(line(user=b"hunter2", status=b"401"))
    assert "user.name" not in fields
    assert fields["sealtrail.redacted"] == ["user.name:attempted"]


def test_a_user_may_contain_spaces_and_imitate_a_time():
    fields = combined(line(user=rb"eve [01/Jan/2000:00:00:00 +0000] \"GET"))
    assert fields["user.name"] == 'eve [01/Jan/2000:00:00:00 +0000] "GET'
    assert fields["@timestamp"].startswith("2015")


def test_a_last_value_that_was_cut_off_is_kept_with_a_note():
    fields = combined(line(agent=b"Mozilla/5.0 (comp")[:-1])
    assert fields["user_agent.original"] == "Mozilla/5.0 (comp"
    assert fields["sealtrail.notes"] == ["line.unterminated"]


def test_values_after_the_agent_are_kept_as_details():
    fields = combined(line() + b' "198.51.100.7" 0.012')
    assert fields["sealtrail.details"] == {"rest": '"198.51.100.7" 0.012'}
    assert fields["sealtrail.notes"] == ["line.rest"]


def test_a_hole_before_a_line_is_skipped_with_a_note():
    fields = combined(b"\0" * 100 + line())
    assert fields["client.ip"] == "203.0.113.9"
    assert fields["sealtrail.notes"] == ["line.nul"]


@pytest.mark.parametrize(
    ("broken", "path", "what"),
    [
        (b"", "column 1", "an address"),
        (b"203.0.113.9", "column 1", "an address"),
        (b"203.0.113.9 - - no time", "column 15", "a user or `-`, then a time"),
        (line(when=b"17/May/2015:10:05 +0000"), "column 17", "a time such as"),
        (line(when=b"31/Feb/2015:10:05:03 +0000"), "column 18", "a time that exists"),
        (line(when=b"17/Mai/2015:10:05:03 +0000"), "column 18", "a time that exists"),
        (line(when=b"17/May/0000:10:05:03 +0000"), "column 18", "a time that exists"),
        (line(when=b"17/May/2015:10:05:03 +9900"), "column 18", "a time that exists"),
        (line(status=b"20"), "column 63", "a status"),
        (line(size=b"many"), "column 67", "a number of bytes"),
        (line(size=b"9999999999999999"), "column 67", "2^53"),
        (line(agent=b'say "hi"'), "column 79", "the end of the line"),
        (b"\0\0" + line(status=b"20"), "column 65", "a status"),
    ],
)
def test_a_misfit_names_the_column_and_what_was_expected(broken: bytes, path: str, what: str):
    with pytest.raises(EventError) as caught:
        combined(broken)
    assert (caught.value.code, caught.value.path) == ("event.unreadable-line", path)
    assert what in caught.value.what


def test_a_combined_line_is_no_common_line():
    with pytest.raises(EventError, match="end of the line"):
        common(line())


def escaped_as_apache_does(raw: bytes) -> bytes:
    out = bytearray()
    for byte in raw:
        if byte in b'"\\':
            out += b"\\" + bytes((byte,))
        elif byte < 32 or byte > 126:
            out += b"\\x%02x" % byte
        else:
            out.append(byte)
    return bytes(out)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda t: t != "-"))
def test_what_a_client_sent_comes_back_out_of_its_escapes(agent: str):
    fields = combined(line(agent=escaped_as_apache_does(agent.encode())))
    assert fields["user_agent.original"] == agent
    assert "sealtrail.notes" not in fields


@given(st.binary(max_size=300))
def test_any_bytes_are_fields_or_an_error_with_a_column(raw: bytes):
    for parse, text in ((common, raw), (combined, raw), (combined, line(raw.replace(b'"', b"")))):
        try:
            assert parse(text)["sealtrail.kind"] == "request"
        except EventError as error:
            assert error.path.startswith("column ")


def test_a_hostile_line_costs_one_pass():
    # Quadratic reading would take minutes here: the suite would hang rather than fail a clock.
    for part in (b' [01/Jan/2000:00:00:00 +0000] "', b"\\", b'"\\"', b" [01/Jan/2000:", b'" 200 1 "'):
        with pytest.raises(EventError):
            combined(b"a - " + part * (2_000_000 // len(part)))
