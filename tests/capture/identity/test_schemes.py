from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import APIKeyHeader, HTTPBearer, HTTPDigest, OpenIdConnect

from sealtrail.capture.identity.schemes import Scheme, api_key, header, schemes_of


def _matched(app: FastAPI, path: str) -> dict:
    """The scope as it is once the application has found its route."""
    import asyncio

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}

    async def receive():
        return {"type": "http.request"}

    async def send(_):
        return None

    asyncio.run(app(scope, receive, send))
    return scope


def test_the_schemes_of_a_route_come_from_all_that_it_depends_on():
    app = FastAPI()

    def nested(_: Annotated[object, Depends(HTTPDigest(auto_error=False))]):
        return None

    router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))])

    @router.get("/in", dependencies=[Depends(nested)])
    def inside(key: Annotated[str | None, Depends(APIKeyHeader(name="X-Shop-Key", auto_error=False))]):
        return key

    app.include_router(router)
    oidc = OpenIdConnect(openIdConnectUrl="https://id.example", auto_error=False)
    app.get("/oidc", dependencies=[Depends(oidc)])(lambda: None)
    app.get("/open")(lambda: None)
    assert set(schemes_of(_matched(app, "/v1/in"))) == {
        Scheme("bearer"),
        Scheme("digest"),
        Scheme("api-key", "header", "X-Shop-Key"),
    }
    assert schemes_of(_matched(app, "/oidc")) == [Scheme("bearer")]
    assert schemes_of(_matched(app, "/open")) == []
    assert schemes_of({}) == []


@pytest.mark.parametrize(
    ("scheme", "scope"),
    [
        (Scheme("api-key", "header", "X-Key"), {"headers": [(b"x-key", b"k1")]}),
        (Scheme("api-key", "query", "key"), {"query_string": b"a=1&key=k1&key=k2"}),
        (Scheme("api-key", "cookie", "key"), {"headers": [(b"cookie", b"a=1; key=k1")]}),
    ],
)
def test_an_api_key_is_found_where_the_route_asks_for_it(scheme, scope):
    assert api_key(scope, [Scheme("bearer"), scheme]) == "k1"
    assert api_key({}, [scheme]) == ""


def test_a_header_that_is_not_there_is_empty():
    assert header({"headers": [(b"a", b"1"), (b"a", b"2")]}, b"a") == "1"
    assert header({}, b"a") == ""
