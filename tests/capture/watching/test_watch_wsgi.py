import io
import itertools
import json

import pytest
from flask import Flask, request

from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch_wsgi import WsgiWatch
from sealtrail.capture.wsgi import WsgiCapture
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail

PLAIN = {"REQUEST_METHOD": "POST", "PATH_INFO": "/a", "RAW_URI": "/a", "CONTENT_TYPE": "application/json"}
DOCUMENT = b'{"user": {"name": "alice", "is_admin": true}}'
JSON = ("Content-Type", "application/json")


@pytest.fixture
def app(spool):
    app = Flask("watched")
    Sealtrail(app, service="watched", spool=spool, api_fields=True)

    @app.post("/json")
    def as_json():
        return {"items": [{"id": 1, "seen": request.get_json()}, {"id": 2}], "total": 2}

    @app.post("/form")
    def form():
        return {"names": sorted([*request.form, *request.files])}

    @app.post("/unread")
    def unread():
        return "no", 401

    @app.get("/stream")
    def stream():
        rows = (b'%b{"id": %d}' % (b"," if n else b"[", n) for n in range(10))
        return app.response_class(itertools.chain(rows, [b"]"]), mimetype=JSON[1])

    return app


def test_fields_of_a_request_and_of_its_answer_are_told_and_no_value(app, events):
    answer = app.test_client().post("/json?dry_run=hush", json={"user": {"name": "alice", "is_admin": True}})
    assert answer.json["total"] == 2
    answer.close()
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["dry_run", "user", "user.is_admin", "user.name"]
    assert event["sealtrail.response.fields"] == [
        *("items", "items.id", "items.seen", "items.seen.user", "items.seen.user.is_admin"),
        *("items.seen.user.name", "total"),
    ]
    assert event["sealtrail.response.count"] == 2
    assert "alice" not in str(event)


def test_forms_with_and_without_files(app, events):
    client = app.test_client()
    client.post("/form", data={"name": "alice", "user[role]": "admin"}).close()
    client.post("/form", data={"name": "alice", "scan": (io.BytesIO(b"x" * 300_000), "a.bin")}).close()
    first, second = events()
    assert first["sealtrail.request.fields"] == ["name", "user", "user.role"]
    assert second["sealtrail.request.fields"] == ["name", "scan"]


def test_what_the_application_does_not_read_is_not_read_for_it(app, events):
    client = app.test_client()
    body = io.BytesIO(b'{"a": 1}')
    client.post("/unread", input_stream=body, content_type="application/json", content_length=8).close()
    assert body.tell() == 0
    assert "sealtrail.request.fields" not in events()[0]


def test_a_stream_is_counted_as_it_goes(app, events):
    answer = app.test_client().get("/stream")
    assert len(json.loads(answer.data)) == 10
    answer.close()
    (event,) = events()
    assert event["sealtrail.response.fields"] == ["id"]
    assert event["sealtrail.response.count"] == 10


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(UsageError, match="api_fields has no 'everything'"):
        Sealtrail(api_fields="everything")


def through(made, app, **environ):
    """What a server has of one request: status and headers, and the parts of the body."""
    head, written = [], []

    def start_response(status, headers, exc_info=None):
        head.append((status, headers))
        return written.append

    whole = {**PLAIN, "wsgi.input": io.BytesIO(DOCUMENT), "CONTENT_LENGTH": str(len(DOCUMENT)), **environ}
    body = WsgiCapture(WsgiWatch(app, Plan(True)), made)(whole, start_response)
    size = len(body) if hasattr(body, "__len__") else None
    parts = list(body)
    getattr(body, "close", lambda: None)()
    return head, written + parts, size


def as_text(stream):
    text = io.TextIOWrapper(stream)
    found = text.read()
    text.detach()
    return found


READERS = {
    "read": lambda stream: stream.read(),
    "in parts": lambda stream: list(iter(lambda: stream.read(5), b"")),
    "a line": lambda stream: stream.readline(),
    "lines": lambda stream: stream.readlines(),
    "by iteration": list,
    "by next": next,
    "at once": lambda stream: stream.read1(),
    "as text": as_text,
    "into a buffer": lambda stream: stream.readinto(bytearray(100)),
    "through a buffer": lambda stream: io.BufferedReader(Raw(stream)).read(),
}


class Raw(io.RawIOBase):
    def __init__(self, stream):
        self.stream = stream

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.stream.readinto(buffer)


@pytest.mark.parametrize("reader", READERS)
def test_however_it_is_read_it_is_seen_once_and_comes_as_it_was(made, events, reader):
    def app(environ, start_response):
        READERS[reader](environ["wsgi.input"])
        assert environ["wsgi.input"].tell() == len(DOCUMENT)
        start_response("200 OK", [JSON])
        return [b"{}"]

    through(made, app)
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["user", "user.name", "user.is_admin"]
    assert "sealtrail.notes" not in event


def test_a_body_keeps_its_parts_its_length_and_its_close(made, events):
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(_, start_response):
        start_response("200 OK", [JSON])
        return Body([b'[{"a":', b"1}]"])

    _, parts, size = through(made, app)
    assert (parts, size, closed) == ([b'[{"a":', b"1}]"], 2, [True])
    assert events()[0]["sealtrail.response.count"] == 1


def test_what_is_written_the_old_way_and_what_starts_late_is_seen(made, events):
    def old(_, start_response):
        start_response("200 OK", [JSON])(b'{"old": 1,')
        return [b'"new": 2}']

    def late(_, start_response):
        start_response("200 OK", [JSON])
        yield b'{"late": 1}'

    assert through(made, old)[1] == [b'{"old": 1,', b'"new": 2}']
    assert through(made, late)[1] == [b'{"late": 1}']
    assert [e["sealtrail.response.fields"] for e in events()] == [["old", "new"], ["late"]]


def test_an_answer_that_has_no_fields_comes_as_the_application_made_it(made, events):
    body = [b"<p>"]
    given = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        return body

    def door(environ, start_response):
        given.append(WsgiWatch(app, Plan(True))(environ, start_response))
        return given[0]

    list(WsgiCapture(door, made)({**PLAIN, "wsgi.input": io.BytesIO()}, lambda *_: None))
    assert given[0] is body


def test_what_an_application_raises_passes_and_the_fields_are_on_its_record(made, events):
    def app(environ, start_response):
        environ["wsgi.input"].read()
        raise KeyError("no")

    with pytest.raises(KeyError):
        through(made, app)
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["user", "user.name", "user.is_admin"]
    assert event["error.type"] == "KeyError"


def test_without_a_door_around_it_nothing_is_looked_at():
    environ = {**PLAIN, "wsgi.input": object()}
    kept = environ["wsgi.input"]
    assert WsgiWatch(lambda environ, _: [environ["wsgi.input"]], Plan(True))(environ, None) == [kept]
