"""A process that is killed in the middle of a stream that would have gone on for hours."""

from __future__ import annotations

import pytest

FLASK = """

@app.get("/events")
def sent_events():
    def parts():
        while True:
            yield "data: x\\n\\n"
            time.sleep(0.01)
    return Response(parts(), mimetype="text/event-stream")
"""
FASTAPI = """

@app.get("/events")
async def sent_events():
    async def parts():
        while True:
            yield "data: x\\n\\n"
            await asyncio.sleep(0.01)
    return StreamingResponse(parts(), media_type="text/event-stream")
"""
DJANGO = """

def sent_events(request):
    async def later():
        while True:
            yield "data: x\\n\\n"
            await asyncio.sleep(0.01)

    def now():
        while True:
            yield "data: x\\n\\n"
            time.sleep(0.01)
    return StreamingHttpResponse(
        later() if hasattr(request, "scope") else now(), content_type="text/event-stream"
    )


urlpatterns.append(path("events", sent_events))
"""

STACKS = {
    "flask-gunicorn": FLASK,
    "fastapi-uvicorn": FASTAPI,
    "django-gunicorn": DJANGO,
    "django-uvicorn": DJANGO,
}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stream_that_kill_9_cuts_has_left_its_beginning(tmp_path, start, stack) -> None:
    server = start(tmp_path, stack, added=STACKS[stack])
    with server.opened("/events", X_Request_ID="hours-long") as answer:
        assert answer.read(len("data: x\n\n")) == b"data: x\n\n"
        server.kill()
    (event,) = server.recorded()
    assert (event["event.action"], event["http.request.id"]) == ("http.open", "hours-long")
    assert (event["event.outcome"], event["http.route"]) == ("unknown", "/events")
    assert event["http.response.mime_type"] == "text/event-stream"


@pytest.mark.parametrize("stack", STACKS)
def test_a_stream_that_its_client_ends_has_a_beginning_and_an_end_and_is_one_request(
    tmp_path, start, stack
) -> None:
    server = start(tmp_path, stack, added=STACKS[stack])
    try:
        with server.opened("/events", X_Request_ID="left") as answer:
            assert answer.read(len("data: x\n\n")) == b"data: x\n\n"
        opened, ended = server.events(2)
    finally:
        server.stop()
    by_action = {event["event.action"]: event for event in (opened, ended)}
    assert set(by_action) == {"http.open", "http.request"}
    assert {event["http.request.id"] for event in by_action.values()} == {"left"}
    assert by_action["http.request"]["http.response.status_code"] == 200
    assert by_action["http.request"]["http.response.body.bytes"] > 0
