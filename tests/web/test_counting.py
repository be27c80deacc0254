from __future__ import annotations

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sealtrail.web.counting import Counting, Counts


async def good(request):
    return PlainTextResponse("x")


async def bad(request):
    raise LookupError


def asked(*requests: tuple[str, str], kind: str = "http") -> Counts:
    counts: Counts = {}
    app = Starlette(routes=[Route("/things/{number:int}", good), Route("/bad", bad)])
    app.add_middleware(Counting, counts=counts)

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        pass

    async def ask(method, path):
        scope = {"type": kind, "method": method, "path": path, "headers": [], "query_string": b""}
        with contextlib.suppress(LookupError):
            await app(scope, receive, send)

    for method, path in requests:
        asyncio.run(ask(method, path))
    return counts


def test_answers_are_counted_by_route_method_and_status():
    assert asked(
        ("GET", "/things/1"), ("GET", "/things/2"), ("HEAD", "/things/3"), ("POST", "/things/1")
    ) == {
        ("/things/{number:int}", "GET", 200): 2,
        ("/things/{number:int}", "HEAD", 200): 1,
        ("/things/{number:int}", "POST", 405): 1,
    }


def test_what_fails_is_a_500():
    assert asked(("GET", "/bad")) == {("/bad", "GET", 500): 1}


def test_nobody_makes_a_series_by_what_they_type():
    strange = [("GET", f"/nothing/{n}") for n in range(50)] + [(f"M{n}", "/x") for n in range(50)]
    assert asked(*strange) == {("none", "GET", 404): 50, ("none", "other", 404): 50}
