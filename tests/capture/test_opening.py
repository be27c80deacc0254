import pytest

from sealtrail.capture import opening
from sealtrail.capture.wsgi import WsgiCapture
from sealtrail.spool.layout import segments


def body_of(made, headers, parts, *, read):
    """The parts of a WSGI response; before each the events so far are read."""

    def app(environ, start_response):
        start_response("200 OK", headers)
        return iter(parts)

    environ = {"REQUEST_METHOD": "GET", "RAW_URI": "/a", "PATH_INFO": "/a", "HTTP_X_REQUEST_ID": "r-1"}
    body = WsgiCapture(app, made)(environ, lambda *_: lambda _: None)
    seen = [len(read()) for _ in body]
    body.close()
    return seen


def test_server_sent_events_have_a_record_before_their_first_part(made, events):
    seen = body_of(
        made, [("Content-Type", "text/event-stream; charset=utf-8")], [b"a", b"b", b"c"], read=events
    )
    assert seen == [1, 1, 1]
    opened, ended = events()
    assert (opened["event.action"], opened["event.type"]) == ("http.open", ["access", "allowed", "start"])
    assert opened["event.outcome"] == "unknown"
    assert opened["http.response.body.bytes"] == 0
    assert not {"http.response.status_code", "sealtrail.notes", "event.reason"} & set(opened)
    assert (ended["event.action"], ended["event.type"]) == ("http.request", ["access", "allowed"])
    assert (ended["http.response.status_code"], ended["http.response.body.bytes"]) == (200, 3)
    assert ended["event.outcome"] == "success"
    assert opened["http.request.id"] == ended["http.request.id"] == "r-1"
    assert opened["event.id"] != ended["event.id"]
    assert (opened["trace.id"], opened["span.id"]) == (ended["trace.id"], ended["span.id"])
    assert opened["event.start"] == ended["event.start"]


def test_other_streams_have_one_once_they_have_lasted(made, events, monkeypatch):
    assert body_of(made, [], [b"a", b"b"], read=events) == [0, 0]
    monkeypatch.setattr(opening, "LONG_NANOSECONDS", 0)
    assert body_of(made, [], [b"a", b"b"], read=events) == [2, 2]
    assert [event["event.action"] for event in events()] == ["http.request", "http.open", "http.request"]


@pytest.mark.parametrize(("length", "count"), [("2", 1), ("65536", 1), ("65537", 2)])
def test_a_body_that_is_known_to_be_short_is_not_asked_about(made, events, monkeypatch, length, count):
    monkeypatch.setattr(opening, "LONG_NANOSECONDS", 0)
    body_of(made, [("Content-Length", length)], [b"a", b"b"], read=events)
    assert len(events()) == count


def test_under_asgi_it_is_the_same(ask, events):
    async def app(scope, receive, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            assert [event["event.action"] for event in events()] == ["http.open"]
        await send({"type": "http.response.body"})

    assert ask(app).raised is None
    opened, ended = events()
    assert (opened["event.action"], ended["event.action"]) == ("http.open", "http.request")
    assert "sealtrail.notes" not in opened
    assert ended["http.response.body.bytes"] == 3


def test_an_exception_in_a_stream_is_told_by_its_end(made, events):
    def parts():
        yield b"a"
        raise LookupError

    with pytest.raises(LookupError):
        body_of(made, [("Content-Type", "text/event-stream")], parts(), read=events)
    opened, ended = events()
    assert "error.type" not in opened
    assert (ended["event.outcome"], ended["error.type"]) == ("failure", "LookupError")
    assert ended["sealtrail.notes"] == ["response.broken:200"]


def test_a_fault_of_ours_costs_the_record_and_not_the_stream(made, events, monkeypatch, spool):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr(opening, "record", broken)
    assert body_of(made, [("Content-Type", "text/event-stream")], [b"a", b"b"], read=events) == [0, 0]
    (event,) = events()
    assert (event["event.action"], event["http.response.status_code"]) == ("http.request", 200)
    assert made.errors == 1
    assert len(list(segments(spool))) == 1
