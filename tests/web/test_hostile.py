"""Whatever is sent to any route: it is answered by design, never by a fault of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealtrail.web.routes import Route

Serving = Callable[..., AbstractContextManager[Any]]

# What breaks parsers: also bytes that are no text, and numbers that no column holds.
PIECES = st.sampled_from(
    [
        *(b"\x00", b"\xff", b"\xed\xa0\x80", b"/", b"..", b"%", b"\r\n", b"9" * 40, b"-1", b"{}", b"[", b"*"),
        *(b"(", b":", b"audit", b"0", b"1h", b"event.action", b"user.id:ann", b"x" * 3000, b'"', b"\\", b"~"),
        *(b"sealtrail.index>9223372036854775808", b"'; DROP TABLE live; --", b"a:[1 to", b"203.0.113.0/24"),
        "\u202e\u0661".encode(),
    ]
)
BYTES = st.lists(PIECES, max_size=3).map(b"".join) | st.binary(max_size=20)


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("hostile") / "data") as made:
        made.send({"@timestamp": "2026-11-24T08:00:00Z", "event.action": "x", "user.id": "ann"})
        assert made.served.collector.settle()
        yield made


@pytest.fixture(scope="module")
def routes(server: Any) -> list[Route]:
    table: tuple[Route, ...] = server.served._server.config.app.state.table
    return [route for route in table if route.about]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_route_answers_by_design_whatever_its_parameters_and_body_are(server, routes, data):
    route = data.draw(st.sampled_from(routes))
    path = re.sub(
        r"\{\w+(?::\w+)?\}", lambda _: quote_from_bytes(data.draw(BYTES), safe="") or "x", route.path
    )
    named = [one.name for one in route.parameters if one.where == "query"]
    names = data.draw(st.lists(st.sampled_from([*named, "other"]), max_size=3, unique=True))
    query = "&".join(f"{name}={quote_from_bytes(data.draw(BYTES), safe='')}" for name in names)
    headers = dict(server.as_("admin"))
    body = b""
    if route.method == "POST":
        headers["Content-Type"] = data.draw(st.sampled_from(["application/json", "text/plain", "\u00e9/x"]))
        headers = {name: value.encode() for name, value in headers.items()}
        body = data.draw(
            BYTES | st.sampled_from([b'{"ids":["x"],"act":"ack"}', b'{"address":"::","reason":"x"}'])
        )
    url = f"{server.url}{path}?{query}"
    with server.http.stream(route.method, url, headers=headers, content=body) as answer:
        assert answer.status_code != 500, (route.path, url, answer.read())
        if answer.status_code >= 400:
            said = json.loads(answer.read())
            # A batch of which every line is refused says so line by line.
            assert said.get("rejected") or set(said["error"]) >= {"code", "message"}, url


def test_the_server_is_well_after_all_of_it(server):
    ready = server.get("/readyz").json()
    assert ready["ready"] is True
