from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from sealtrail.web.caller import NOBODY
from sealtrail.web.metrics import metrics_routes


@pytest.mark.parametrize(
    ("accept", "open_"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75",
            True,
        ),
        ("application/openmetrics-text; version=\xff", True),
    ],
)
def test_the_form_is_what_is_asked_for_and_the_right_is_to_read(accept, open_):
    (route,) = metrics_routes(lambda wanted: (b"x 1\n", "open" if wanted else "plain"))
    assert (route.path, route.need, route.reads) == ("/metrics", "read", False)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "headers": [(b"accept", accept.encode("latin-1"))],
    }
    answer = asyncio.run(route.handle(Request(scope), NOBODY))
    assert answer.headers["content-type"] == ("open" if open_ else "plain")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == b"x 1\n"
