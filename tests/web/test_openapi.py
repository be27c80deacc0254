from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from sealtrail.serve.doors import Doors
from sealtrail.web.openapi import document, template
from sealtrail.web.routes import Route

Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("openapi") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def told(server) -> dict[str, Any]:
    return dict(server.get("/api/openapi.json", "ingest").json())


def test_the_description_is_valid_openapi(told):
    validate(told)
    assert told["openapi"].startswith("3.1")


def test_it_and_the_route_table_say_the_same(server, told):
    routes = Doors(server.served.collector, lambda: False).routes()
    table = {(r.method.lower(), template(r.path)): r for r in routes if r.about}
    described = {(method, path): one for path, ops in told["paths"].items() for method, one in ops.items()}
    assert set(described) == set(table)
    for place, route in table.items():
        one = described[place]
        assert one["x-sealtrail-needs"] == route.need
        assert [p["name"] for p in one.get("parameters", [])] == [p.name for p in route.parameters]
        assert (one.get("security") == []) == (route.need == "public")


def test_a_body_is_described_by_its_shape_or_its_media_types(told):
    body = told["paths"]["/api/v1/blocks"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shape = told["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert set(shape["required"]) == {"address", "reason"}
    assert "for" in shape["properties"]
    events = told["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    assert set(events) == {"application/x-ndjson", "application/json"}


FILLED = {"trail": "audit", "index": "0", "id": "none"}


def test_what_is_given_has_the_shape_that_is_described(server):
    routes = Doors(server.served.collector, lambda: False).routes()
    given = [route for route in routes if route.shape is not None and route.method == "GET"]
    assert len(given) >= 8
    for route in given:
        path = template(route.path)
        for name, value in FILLED.items():
            path = path.replace(f"{{{name}}}", value)
        answer = server.get(path, "admin")
        assert answer.status_code == 200, path
        msgspec.json.decode(answer.content, type=route.shape, strict=True)
        assert set(answer.json()) <= {one.encode_name for one in msgspec.structs.fields(route.shape)}, path


def test_pages_for_people_are_no_api():
    async def nothing(request, caller): ...

    pages = [Route("GET", "/sign-in", "public", nothing), Route("GET", "/x", "read", nothing, about="x")]
    assert list(document(pages, "1")["paths"]) == ["/x"]
