import asyncio
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader, APIKeyQuery
from flask import Flask

from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_environ
from sealtrail.flask import Sealtrail

KEY = "hush-hush-hush"
shop_key = APIKeyQuery(name="shop_key", auto_error=False)
header_key = APIKeyHeader(name="X-Shop", auto_error=False)


@pytest.fixture
def app(spool):
    app = FastAPI()
    app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
    inner = APIRouter()

    @app.get("/direct")
    async def direct(key: Annotated[str, Security(shop_key)]):
        return {"key": key}

    @inner.get("/routed")
    async def routed():
        return {}

    @app.get("/open")
    async def free(other: Annotated[str, Security(header_key)]):
        return {}

    app.include_router(inner, dependencies=[Security(shop_key)])
    return app


def ask(app, *targets):
    async def asking():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return [(await client.get(target)).json() for target in targets]

    return asyncio.run(asking())


def test_a_key_under_a_name_that_a_route_declares_is_in_no_record(app, events):
    targets = [f"{path}?page=2&shop_key={KEY}" for path in ("/direct", "/routed", "/direct")]
    assert ask(app, *targets)[0] == {"key": KEY}
    for event in events():
        assert event["url.query"] == "page=2&shop_key=[redacted:api-key]"
        assert event["url.original"].endswith("?page=2&shop_key=[redacted:api-key]")
        assert event["sealtrail.redacted"] == ["url.query:api-key", "url.original:api-key"]
        assert event["sealtrail.auth.scheme"] == "api-key"
        assert KEY not in str(event)
    assert len({event["sealtrail.auth.token_hash"] for event in events()}) == 1


def test_where_no_route_declares_it_a_name_is_a_name(app, events):
    ask(app, "/open?shop_key=blue&page=2", "/direct?page=3")
    free, none = events()
    assert free["url.query"] == "shop_key=blue&page=2"
    assert none["url.query"] == "page=3"
    assert "sealtrail.redacted" not in none
    assert "sealtrail.auth.scheme" not in none


@pytest.mark.parametrize("looks", [True, False])
def test_a_key_in_a_header_of_the_routes_own_is_hashed_where_tokens_are_looked_at(spool, events, looks):
    app = FastAPI()
    app.add_middleware(
        SealtrailMiddleware, service="shop", spool=spool, api_fields=["token"] if looks else False
    )

    @app.get("/open")
    async def free(key: Annotated[str, Security(header_key)]):
        return {"key": key}

    async def asking():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.get("/open", headers={"X-Shop": KEY})).json()

    assert asyncio.run(asking()) == {"key": KEY}
    (event,) = events()
    assert event.get("sealtrail.auth.scheme") == ("api-key" if looks else None)
    assert ("sealtrail.auth.token_hash" in event) is looks
    assert KEY not in str(event)


def test_a_request_that_no_route_took_may_have_been_meant_for_one(app, events):
    ask(app, f"/direct?shop_key={KEY}", f"/missed?shop_key={KEY}")
    assert [e["http.response.status_code"] for e in events()] == [200, 404]
    assert KEY not in str(events())


def test_a_refusal_before_any_route_keeps_the_keys_that_are_known(made, events):
    made.secret_names = frozenset({"shop_key"})
    target = f"/a?shop_key={KEY}"
    environ = {"PATH_INFO": "/a", "RAW_URI": target, "HTTP_REFERER": f"http://x{target}"}
    call = Exchange(made, of_environ({**environ, "QUERY_STRING": f"shop_key={KEY}"}))
    call.refusal("b1")
    (event,) = events()
    assert KEY not in str(event)
    assert event["http.request.referrer"] == "http://x/a?shop_key=[redacted:api-key]"


def test_a_key_that_a_description_declares_is_in_no_record(spool, events):
    app = Flask("declared")
    scheme = {"type": "apiKey", "in": "query", "name": "Shop_Key"}
    document = {"paths": {"/a": {"get": {}}}, "components": {"securitySchemes": {"key": scheme}}}
    Sealtrail(app, service="declared", spool=spool, openapi=lambda: document)
    app.add_url_rule("/a", view_func=lambda: "x")
    app.test_client().get(f"/a?shop%5Fkey={KEY}&page=2").close()
    (event,) = events()
    assert event["url.query"] == "shop%5Fkey=[redacted:api-key]&page=2"
    assert KEY not in str(event)
