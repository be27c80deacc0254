import asyncio
from types import SimpleNamespace

import httpx
import pytest
from litestar import Litestar, get
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath
from quart import Blueprint, Quart, abort

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.capture.hooks import join


def quart():
    app = Quart("shop")
    part = Blueprint("part", __name__, url_prefix="/v1")

    @part.before_request
    async def authenticated():
        if sealtrail.request_id() == "stranger":
            abort(401)

    @part.get("/items/<int:number>")
    async def item(number):
        if number == 0:
            raise LookupError("x")
        return {}

    app.register_blueprint(part)
    return app, "/v1/items/<int:number>"


def litestar():
    @get("/v1/items/{number:int}")
    async def item(number: FromPath[int]) -> dict[str, str]:
        if sealtrail.request_id() == "stranger":
            raise NotAuthorizedException
        if number == 0:
            raise LookupError("x")
        return {}

    return Litestar([item], openapi_config=None, logging_config=None), "/v1/items/{number}"


@pytest.fixture(params=[quart, litestar])
def asked(request, spool, events):
    """The event of one request, and the template it should have."""
    inner, template = request.param()
    app = SealtrailMiddleware(inner, service="shop", spool=spool)

    def asked(target, **headers):
        async def ask():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
                await client.get(target, headers={k.replace("_", "-"): v for k, v in headers.items()})

        asyncio.run(ask())
        return events()[-1], template

    return asked


def test_the_route_is_told_also_where_nobody_gets_to_the_view(asked):
    event, template = asked("/v1/items/7")
    assert (event["http.route"], event["http.response.status_code"]) == (template, 200)
    event, template = asked("/v1/items/7", X_Request_ID="stranger")
    assert (event["http.route"], event["http.response.status_code"]) == (template, 401)
    assert "error.type" not in event


def test_an_exception_that_the_framework_answers_by_itself_has_its_class(asked):
    event, template = asked("/v1/items/0")
    assert (event["http.route"], event["http.response.status_code"]) == (template, 500)
    assert event["error.type"] == "LookupError"


def test_an_unknown_path_has_neither_route_nor_error(asked):
    event, _ = asked("/no/such")
    assert event["http.response.status_code"] == 404
    assert not {"http.route", "error.type"} & set(event)


def test_an_application_of_neither_is_left_alone(made):
    async def app(scope, receive, send):
        raise NotImplementedError

    join(app, made)
    join(SimpleNamespace(__self__=app), made)
    assert made.errors == 0


def test_a_version_with_other_hooks_costs_nobody_the_application(made, monkeypatch):
    app, _ = litestar()
    monkeypatch.setattr(app, "after_exception", ())
    join(app, made)
    assert made.errors == 1
