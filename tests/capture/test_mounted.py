from __future__ import annotations

import io
from itertools import islice
from types import SimpleNamespace as Thing

import pytest

from sealtrail.capture import context
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_environ
from sealtrail.capture.mounted import below, encloses, telling, werkzeug_route
from sealtrail.capture.wsgi import ENVIRON_KEY, WsgiCapture

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/v1",
    "PATH_INFO": "/items/7",
    "QUERY_STRING": "a=b",
    "HTTP_HOST": "shop.example",
}


@pytest.fixture
def current(made):
    call = Exchange(made, of_environ(ENVIRON))
    call.asks = True
    token = context.current.set(call)
    yield call
    context.current.reset(token)


@pytest.mark.parametrize(
    ("mount", "route"),
    [("", "/x"), ("/v1", "/v1/x"), ("/v1/", "/v1/x"), ("/taken/off", "/x"), ("/v1/items/7", "/v1/items/7/x")],
)
def test_a_route_begins_with_the_mount_that_is_in_the_path(current, mount, route) -> None:
    asked = Thing(url_rule=Thing(rule="/x"))
    assert werkzeug_route({"werkzeug.request": asked, "SCRIPT_NAME": mount}) == route


def test_a_mount_is_written_as_the_path_is_and_scrubbed(made) -> None:
    head = of_environ({"PATH_INFO": "/caf\u00c3\u00a9/ann@shop.example/x"})
    token = context.current.set(Exchange(made, head))
    assert below("/caf\u00c3\u00a9", "/x") == "/caf\u00e9/x"
    assert below("/caf\u00c3\u00a9/ann@shop.example", "/x") == "/caf\u00e9/[redacted:email]/x"
    context.current.reset(token)


@pytest.mark.parametrize(
    "environ", [{}, {"werkzeug.request": None}, {"werkzeug.request": Thing(url_rule=None)}]
)
def test_what_no_rule_has_matched_has_no_route(environ) -> None:
    assert werkzeug_route(environ) == ""


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"SCRIPT_NAME": "", "PATH_INFO": "/v1/items/7"}, True),
        ({"PATH_INFO": "/items/8"}, False),
        ({"REQUEST_METHOD": "POST"}, False),
        ({"QUERY_STRING": ""}, False),
        ({"HTTP_HOST": "localhost"}, False),
    ],
)
def test_a_request_within_is_known_by_what_was_asked(current, changed, same) -> None:
    assert encloses(current, {**ENVIRON, **changed}) is same


def test_a_request_of_another_wsgi_server_is_one_of_its_own(current) -> None:
    current.asks = False
    assert not encloses(current, ENVIRON)


def test_the_inner_door_tells_the_route_and_the_outer_one_records_it(made, events) -> None:
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"x"]

    inner = WsgiCapture(application, made, lambda environ: f"/inner{environ['PATH_INFO'][:5]}")
    environ = {**ENVIRON, "wsgi.input": io.BytesIO()}
    answer = WsgiCapture(inner, made)(environ, lambda *_: lambda _: None)
    assert b"".join(answer) == b"x"
    answer.close()
    (event,) = events()
    assert event["http.route"] == "/inner/item"
    assert ENVIRON_KEY in environ


def test_a_route_that_cannot_be_learned_costs_nobody_an_answer(current, made) -> None:
    answered = []
    telling(lambda *given: answered.append(given), {}, lambda _: str(1 / 0))("200 OK", [], None)
    assert answered == [("200 OK", [])]
    assert (current.route, made.errors) == ("", 1)


@pytest.mark.parametrize(("headers", "drawn"), [([], 3), ([("Content-Length", "2")], 2)])
def test_where_the_adapter_closes_no_body_the_record_comes_with_its_last_part(
    made, events, headers, drawn
) -> None:
    def application(environ, start_response):
        start_response("200 OK", headers)
        return iter([b"x", b"y"])

    class Adapter:
        def start_response(self, status, headers, exc_info=None):
            return None

    Adapter.__module__ = "asgiref.wsgi"
    answer = WsgiCapture(application, made)(dict(ENVIRON), Adapter().start_response)
    assert list(islice(answer, drawn)) == [b"x", b"y"]
    assert [event["http.response.body.bytes"] for event in events()] == [2]
    answer.close()
    assert len(events()) == 1
