"""An ordinary line and the same event made field by field are the same bytes, whatever a client sends."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealtrail.capture import context, ordinary
from sealtrail.capture.exchange import Exchange, record
from sealtrail.capture.head import of_environ
from sealtrail.event import decode
from sealtrail.event.model import Api

PLAIN = {
    "REQUEST_METHOD": "GET",
    "RAW_URI": "/api/orders/42?page=2",
    "PATH_INFO": "/api/orders/42",
    "QUERY_STRING": "page=2",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "203.0.113.9",
    "HTTP_HOST": "shop.example:8000",
    "HTTP_USER_AGENT": "agent/1 (rv:1.0)",
    "wsgi.url_scheme": "http",
}
ODD = st.sampled_from(
    [
        *("", "a", "A", 'q"uote', "back\\slash", "a\x7fb", "\u00e9", "\u2028", "tab\t", "4111111111111111"),
        *("alice@example.com", "password=hunter2", "a:b", "token: abcdefgh", "AKIAZ3MVLQ7XN2PKD8WT", "%41"),
        *("text/html; charset=utf-8", "Application/JSON", "https", "/a/b?c=d", "GET", "_OTHER", "9" * 400),
    ]
)
HEADERS = ("HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_HOST", "CONTENT_TYPE", "CONTENT_LENGTH", "REQUEST_METHOD")
MORE = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_TRACEPARENT", "HTTP_X_REQUEST_ID", "SERVER_PROTOCOL")
FROM = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "wsgi.url_scheme")
TARGETS = st.sampled_from(
    [
        *(("/a/b", ""), ("/a", "x=1&y=2"), ("/0198c0de-0000-7000-8000-000000000000", "")),
        *(('/q"', 'z="1"'), ("/a%20b", "c=%20"), ("/u/alice@example.com", "password=hunter2"), ("", "")),
    ]
)


def ended(made, environ, **known) -> Exchange:
    call = Exchange(made, of_environ({**PLAIN, "wsgi.input": io.BytesIO(), **environ}))
    call.status, call.sent, call.ended = 200, 5, call.began + 1_500_000
    for name, value in known.items():
        setattr(call, name, value)
    return call


def written(spool) -> bytes:
    """The line that was written last, as far as what the spool adds."""
    (segment,) = spool.glob("*.ndjson")
    return segment.read_bytes().splitlines()[-1].partition(b',"sealtrail.emitter"')[0]


def test_a_plain_request_is_ordinary(made):
    assert ordinary.line(ended(made, {})) is not None


@pytest.mark.parametrize(
    "known",
    [
        {"error_type": "KeyError"},
        {"notes": ("object.several",)},
        {"ended": 0, "sent": 1, "length": 3},
        {"status": 0},
    ],
    ids=["raised", "noted", "unfinished", "unanswered"],
)
def test_what_needs_a_word_of_explanation_is_not(made, known):
    assert ordinary.line(ended(made, {}, **known)) is None


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_USER_AGENT": "alice@example.com"},
        {"HTTP_REFERER": "https://a.example/?password=hunter2"},
        {"RAW_URI": "/a?password=hunter2", "PATH_INFO": "/a", "QUERY_STRING": "password=hunter2"},
        {"RAW_URI": "/AKIAZ3MVLQ7XN2PKD8WT", "PATH_INFO": "/AKIAZ3MVLQ7XN2PKD8WT", "QUERY_STRING": ""},
        {"RAW_URI": "/a%20b", "PATH_INFO": "/a b", "QUERY_STRING": ""},
        {"REQUEST_METHOD": "BREW"},
        {"CONTENT_TYPE": "x/AKIAZ3MVLQ7XN2PKD8WT"},
    ],
)
def test_what_must_be_cleaned_or_decoded_is_not(made, environ):
    assert ordinary.line(ended(made, environ)) is None


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(HEADERS + MORE + FROM), ODD, max_size=4),
    TARGETS,
    st.sampled_from([200, 204, 301, 401, 403, 404, 500]),
    st.sampled_from(["", "application/json", "Text/HTML; charset=utf-8", 'x"y']),
    st.sampled_from(["", "/orders/<int:number>", 'odd"route', "/caf\u00e9"]),
    st.sampled_from([context.NOBODY, context.Actor("u1", 'n"ame', ("a", "b\u2028"), "acme", "u2")]),
    st.sampled_from([context.NO_OBJECT, ("invoice", '1"7', "u2"), ("", "17", "")]),
    st.sampled_from(
        [
            None,
            Api(),
            Api(
                ["a.b"],
                (),
                3,
                "v2",
                True,
                None,
                ("admin",),
                ("x:read",),
                token_scopes=["a"],
                token_verified=False,
            ),
            Api(response_fields=['q"', "\u2028"]),
        ]
    ),
)
def test_both_ways_to_a_line_give_the_same_bytes(
    made, spool, headers, target, status, mime, route, actor, touched, api
):
    path, query = target
    raw = {"PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": f"{path}?{query}" if query else path}
    call = ended(
        made,
        raw | headers,
        status=status,
        mime=mime,
        route=route,
        actor=actor,
        object=touched,
        api=api,
        session_hash="ab",
    )
    short = ordinary.line(call)
    record(call, None)
    whole = written(spool)
    if short is not None:
        assert short + made.constants == whole
        decode(whole + b"}")


def test_what_clients_choose_is_remembered_in_bounded_number(made):
    for number in range(ordinary._MAX_KNOWN + 10):
        assert ordinary.line(ended(made, {"HTTP_USER_AGENT": f"agent/{number}"})) is not None
    assert 0 < len(ordinary._clients) <= ordinary._MAX_KNOWN


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("shop.example:8000", "shop.example"),
        ("[::1]:80", "[::1]"),
        ("bob:pw@shop.example:80", "shop.example"),
        ("bob:pw@shop.example", "shop.example"),
        (":80", ":80"),
        ("", ""),
    ],
)
def test_a_host_is_recorded_without_port_and_without_whoever_stands_before_it(host, domain):
    assert ordinary.without_port(host) == domain
