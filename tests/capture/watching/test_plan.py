import asyncio
import json
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from flask import Flask

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.watching.plan import Plan
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "3.2"},
    "servers": [{"url": "https://shop.example/api"}],
    "paths": {
        "/orders/{number}": {"get": {"security": [{"mtls": ["clerk"]}]}, "delete": {"deprecated": True}},
        "/said": {"get": {}},
    },
    "components": {"securitySchemes": {"mtls": {"type": "mutualTLS"}}},
}
NAMES = ("in_spec", "version", "deprecated")


def facts(event):
    found = {name: event.get(f"sealtrail.api.{name}") for name in NAMES}
    return {**found, **{n: event.get(f"sealtrail.required_{n}") for n in ("roles", "scopes")}}


def ask(app, *requests):
    async def asking():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return [(await client.request(method, path)).status_code for method, path in requests]

    return asyncio.run(asking())


def flask(spool, openapi):
    app = Flask("described")
    Sealtrail(app, service="described", spool=spool, openapi=openapi)

    @app.route("/api/orders/<int:number>", methods=["GET", "DELETE"])
    def order(number):
        return {}

    @app.get("/api/said")
    def said():
        sealtrail.api_version("9")
        sealtrail.requires("owner")
        return {}

    @app.get("/internal")
    def internal():
        return "x"

    return app.test_client()


def test_what_a_description_says_of_a_route_is_on_its_requests(spool, tmp_path, events):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(DOCUMENT))
    client = flask(spool, path)
    for method, target in (
        ("GET", "orders/7"),
        ("DELETE", "orders/7"),
        ("POST", "orders/7"),
        ("GET", "said"),
    ):
        client.open(f"/api/{target}", method=method).close()
    client.get("/internal").close()
    known = {"in_spec": True, "version": "3.2", "deprecated": None, "roles": None, "scopes": None}
    assert list(map(facts, events())) == [
        {**known, "roles": ["clerk"]},
        {**known, "deprecated": True},
        {**known, "in_spec": False},
        {**known, "version": "9", "roles": ["owner"]},
        {**known, "in_spec": False},
    ]


def test_a_function_for_the_description_is_called_once_and_may_fail(spool, events):
    calls = []

    def describe():
        calls.append(True)
        return DOCUMENT

    def fail():
        raise LookupError("not ready")

    for function in (describe, fail):
        client = flask(spool, function)
        for _ in range(2):
            answer = client.get("/api/said")
            assert answer.status_code == 200
            answer.close()
    assert calls == [True]
    assert [e.get("sealtrail.api.in_spec") for e in events()] == [True, True, None, None]


def test_a_query_with_a_name_that_nobody_described_is_noted_and_still_in_the_description(spool, events):
    client = flask(spool, DOCUMENT)
    for path in ("/api/said", "/api/said?debug=true", "/nowhere?debug=true"):
        client.get(path).close()
    found = [(e.get("sealtrail.notes"), e["sealtrail.api.in_spec"]) for e in events()]
    assert found == [(None, True), (["query.undescribed"], True), (None, False)]


@pytest.mark.parametrize("openapi", [{}, "nowhere.json", {"paths": 3}])
def test_a_description_that_is_none_is_refused_at_the_start(spool, openapi):
    with pytest.raises(UsageError, match="openapi"):
        flask(spool, openapi)


def test_a_door_that_looks_at_nothing_has_no_plan():
    assert not Plan()
    assert Plan(["response"])
    assert Plan(description=DOCUMENT)


@pytest.fixture
def fastapi(spool):
    app, inner = FastAPI(version="1.4"), FastAPI(version="2.0")
    router = APIRouter(dependencies=[Security(demand, scopes=["api"])])

    @router.get("/orders/{number}", deprecated=True)
    async def order(number: int, _: Annotated[str, Security(demand, scopes=["orders:read"])]):
        return {}

    @app.get("/health", include_in_schema=False)
    async def health():
        return {}

    @inner.get("/x")
    async def x():
        return {}

    @app.middleware("http")
    async def gate(request, call_next):
        if "locked" in request.url.path:
            return httpx_like(503)
        return await call_next(request)

    app.include_router(router, prefix="/v1")
    app.mount("/inner", inner)
    return app


def httpx_like(status):
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("no", status)


async def demand(
    scopes: SecurityScopes, token: Annotated[str, Security(OAuth2PasswordBearer("token", auto_error=False))]
) -> str:
    if "fail" in scopes.scopes:
        raise HTTPException(403)
    return "u1"


def test_routes_of_fastapi_say_what_they_are(fastapi, spool, events):
    fastapi.add_middleware(SealtrailMiddleware, service="shop", spool=spool, api_fields="route")
    paths = ("/v1/orders/7", "/health", "/nowhere", "/inner/x", "/locked", "/openapi.json")
    assert ask(fastapi, *[("GET", path) for path in paths]) == [200, 200, 404, 200, 503, 200]
    told = {event["url.path"]: facts(event) for event in events()}
    known = {"in_spec": True, "version": "1.4", "deprecated": None, "roles": None, "scopes": None}
    order = told.pop("/v1/orders/7")
    assert sorted(order.pop("scopes")) == ["api", "orders:read"]
    assert order == {"in_spec": True, "version": "1.4", "deprecated": True, "roles": None}
    assert told == {
        "/health": {**known, "in_spec": False},
        "/nowhere": {**known, "in_spec": False},
        "/inner/x": {**known, "version": "2.0"},
        "/locked": dict.fromkeys(known),
        "/openapi.json": {**known, "in_spec": False},
    }


def test_fastapi_describes_itself(fastapi, spool, events):
    fastapi.add_middleware(SealtrailMiddleware, service="shop", spool=spool, openapi=fastapi.openapi)
    ask(fastapi, ("GET", "/v1/orders/7"), ("GET", "/health"))
    order, health = map(facts, events())
    assert order["in_spec"] is order["deprecated"] is True
    assert sorted(order["scopes"]) == ["api", "orders:read"]
    assert (order["version"], health["in_spec"]) == ("1.4", False)
