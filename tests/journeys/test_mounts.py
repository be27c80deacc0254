"""Applications within applications under real servers: one record a request, and routes with their mounts."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

# In each of the three, one application at the root and one below it; the names say where the doors stand.
DISPATCHED = """
from flask import Flask, abort
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from sealtrail.flask import Sealtrail
from sealtrail.wsgi import SealtrailMiddleware


def made(name, recorded=True):
    made = Flask(name)
    made.secret_key = "for tests"
    made.add_url_rule("/items/<int:number>", "item", lambda number: f"{name} {number}")
    made.add_url_rule("/raise", "raise", lambda: 1 / 0)
    made.add_url_rule("/secret", "secret", lambda: abort(401))
    if recorded:
        Sealtrail(made, service=name)
    return made


def pair(name, recorded=True):
    return DispatcherMiddleware(made(name, recorded), {"/v1": made(f"{name}-v1", recorded)})


app = DispatcherMiddleware(made("front"), {
    "/inside": pair("inside"),
    "/outside": SealtrailMiddleware(pair("outside", False), service="around"),
    "/both": SealtrailMiddleware(pair("both"), service="around"),
})
"""

ADAPTED = (
    DISPATCHED[: DISPATCHED.index("def pair")]
    + """
import warnings
from asgiref.wsgi import WsgiToAsgi
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from sealtrail.asgi import SealtrailMiddleware as Around

warnings.simplefilter("ignore", DeprecationWarning)
from starlette.middleware.wsgi import WSGIMiddleware


async def item(request):
    return PlainTextResponse("x")


def starlette():
    doors = [Middleware(Around, service="part")]
    return Starlette(routes=[Route("/items/{number:int}", item)], middleware=doors)


part = FastAPI()
part.add_middleware(Around, service="part")
part.get("/items/{number}")(lambda number: number)


def adapted():
    found = {"asgiref": WsgiToAsgi(made("inner")), "starlette": WSGIMiddleware(made("inner"))}
    try:
        from a2wsgi import WSGIMiddleware as A2
        found["a2wsgi"] = A2(made("inner"))
    except ImportError:
        pass
    return found


outer = FastAPI()
outer.add_middleware(Around, service="around")
app = Starlette(routes=[Mount("/outer", outer)])
for each in (outer, app):
    each.mount("/parts/{tenant}", starlette())
    each.mount("/fast", part)
    for name, one in adapted().items():
        each.mount(f"/{name}", one)
"""
)


@pytest.fixture(scope="module")
def dispatched(start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("dispatched"), "flask-gunicorn", source=DISPATCHED)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def adapted(start, tmp_path_factory) -> Iterator[Any]:
    server = start(tmp_path_factory.mktemp("adapted"), "fastapi-uvicorn", source=ADAPTED)
    yield server
    server.stop()


@pytest.mark.parametrize("where", ["inside", "outside", "both"])
@pytest.mark.parametrize("below", ["", "/v1"])
def test_below_a_dispatcher_the_route_has_the_mount_and_each_request_one_event(
    dispatched, where, below
) -> None:
    dispatched.forget()
    mount = f"/{where}{below}"
    assert dispatched.request("GET", f"{mount}/items/7")[2] == f"{where}{below.replace('/', '-')} 7".encode()
    assert dispatched.request("GET", f"{mount}/none")[0] == 404
    _, headers, _ = dispatched.request("GET", f"{mount}/raise")
    found, unknown, broken = dispatched.events(3)
    assert found["http.route"] == f"{mount}/items/<int:number>"
    assert found["url.path"] == f"{mount}/items/7"
    assert "http.route" not in unknown
    assert (broken["http.route"], broken["error.type"]) == (f"{mount}/raise", "ZeroDivisionError")
    assert headers.get_all("X-Request-ID") == [broken["http.request.id"]]
    service = f"inside{below.replace('/', '-')}" if where == "inside" else "around"
    assert {event["service.name"] for event in (found, unknown, broken)} == {service}


def test_what_an_inner_application_refuses_is_told_once(dispatched) -> None:
    dispatched.forget()
    assert dispatched.request("GET", "/both/v1/secret", Authorization="Bearer planted-1")[0] == 401
    kinds = sorted(event["sealtrail.kind"] for event in dispatched.events(2))
    assert kinds == ["authentication", "request"]
    dispatched.request("GET", "/both/items/7")  # nothing comes later
    assert len(dispatched.events(3)) == 3


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", ["asgiref", "starlette", "a2wsgi"])
def test_flask_within_asgi_has_one_event_a_request_with_flasks_route(adapted, inner, outer) -> None:
    if inner == "a2wsgi" and importlib.util.find_spec("a2wsgi") is None:
        pytest.skip("a2wsgi is not installed")
    adapted.forget()
    mount = f"/outer/{inner}" if outer else f"/{inner}"
    _, headers, body = adapted.request("GET", f"{mount}/items/7?a=b")
    assert body == b"inner 7"
    assert adapted.request("GET", f"{mount}/raise")[0] == 500
    found, broken = adapted.events(2)
    assert found["http.route"] == f"{mount}/items/<int:number>"
    assert headers.get_all("X-Request-ID") == [found["http.request.id"]]
    assert (broken["http.route"], broken["error.type"]) == (f"{mount}/raise", "ZeroDivisionError")
    assert {found["service.name"], broken["service.name"]} == {"around" if outer else "inner"}


@pytest.mark.parametrize("outer", ["/outer", ""])
@pytest.mark.parametrize(
    ("path", "route"),
    [("/parts/acme/items/7", "/parts/{tenant}/items/{number}"), ("/fast/items/7", "/fast/items/{number}")],
)
def test_a_mounted_application_with_a_door_of_its_own_is_recorded_once(adapted, outer, path, route) -> None:
    adapted.forget()
    assert adapted.request("GET", outer + path)[0] == 200
    (event,) = adapted.events(1)
    assert (event["http.route"], event["service.name"]) == (outer + route, "around" if outer else "part")
