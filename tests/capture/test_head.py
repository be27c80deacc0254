from __future__ import annotations

import pytest

from sealtrail.capture.head import as_octets, as_text, of_environ, of_scope


def scope(**more):
    return {"type": "http", "method": "GET", "path": "/a", "query_string": b"", "headers": [], **more}


def test_headers_that_are_repeated_are_joined_as_wsgi_servers_join_them():
    head = of_scope(
        scope(headers=[(b"x-forwarded-for", b"6.6.6.6"), (b"host", b"x"), (b"x-forwarded-for", b"192.0.2.1")])
    )
    assert head.x_forwarded_for == "6.6.6.6,192.0.2.1"
    assert head.host == "x"


def test_a_scope_with_as_little_as_the_standard_asks_for_is_a_head():
    head = of_scope({"type": "websocket", "path": "/", "headers": []})
    assert (head.method, head.target, head.peer, head.scheme) == ("GET", "", "", "")
    assert of_scope(scope(client=None)).peer == ""
    assert of_scope(scope(client=[None, None])).peer == ""


@pytest.mark.parametrize(
    ("raw", "query", "target"),
    [
        (b"/a%20b", b"q=1", "/a%20b?q=1"),
        (b"/a%20b", b"", "/a%20b"),
        (b"/a?q=1", b"q=1", "/a?q=1"),  # some servers leave the query where it was
        (None, b"q=1", ""),
        (b"", b"q=1", ""),
    ],
)
def test_the_target_is_put_together_from_what_the_server_tells(raw, query, target):
    assert of_scope(scope(raw_path=raw, query_string=query)).target == target


@pytest.mark.parametrize(
    ("path", "octets"),
    [
        ("/a", b"/a"),
        ("/caf\u00e9", "/caf\u00e9".encode()),
        ("/\u20ac", "/\u20ac".encode()),
        ("/\ud800", b"/\\ud800"),
    ],
)
def test_a_decoded_path_is_bytes_again(path, octets):
    assert of_scope(scope(path=path)).path.encode("latin-1") == octets


def test_what_a_server_could_not_decode_is_taken_from_the_raw_path():
    assert of_scope(scope(path="/\ufffd", raw_path=b"/%FF?x")).path == "/\u00ff"
    assert of_scope(scope(path="/\ufffd")).path.encode("latin-1") == "/\ufffd".encode()


def test_an_environ_with_nothing_in_it_is_a_head():
    assert set(of_environ({}).__struct_fields__) == set(of_scope(scope()).__struct_fields__)
    assert of_environ({}).target == ""
    assert of_environ({"SCRIPT_NAME": "/api", "PATH_INFO": "/b"}).path == "/api/b"


def test_octets_are_the_text_again():
    for text in ("/a", "/caf\u00e9", "/\u20ac"):
        assert as_text(as_octets(text)) == text
    assert as_text("/\xff") == "/\ufffd"
