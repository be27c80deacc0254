"""What recording costs a Starlette and a FastAPI application: CPU time per request, interleaved in one run.

bare         the application alone
sealtrail    with the middleware, everything on
nothing      with a pure ASGI middleware that does nothing: the floor
base-http    with a BaseHTTPMiddleware that does nothing: what tutorials build upon
structlog    that, with one structlog event of the same fields, encoded by orjson
otel         OpenTelemetry's instrumentation, which records no more than spans, with an exporter that discards

The application is called as a server calls it, without one: what a server costs would only hide the rest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route

from _interleaved import asked, measure
from sealtrail.asgi import SealtrailMiddleware

ANSWER = {"id": 42, "status": "ok", "qty": 2, "items": [{"id": 1, "n": 2}], "total": 123.45}
BODY = json.dumps({"qty": 2, "items": [{"sku": f"sku-{n}", "price": 9.5} for n in range(4)]}).encode()
SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "https",
    "path": "/api/orders/42",
    "raw_path": b"/api/orders/42",
    "query_string": b"expand=items&page=2",
    "root_path": "",
    "client": ("10.0.0.7", 51234),
    "server": ("127.0.0.1", 8000),
    "headers": [
        (b"host", b"shop.example:8000"),
        (
            b"user-agent",
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0",
        ),
        (b"accept", b"application/json"),
        (b"authorization", b"Bearer 3f1c5a2d9e8b7c6a5f4e3d2c1b0a9f8e"),
        (b"referer", b"https://shop.example/cart"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ],
}

GOALS = {"starlette": 15.0, "fastapi": 28.0}


async def order(request: Request) -> JSONResponse:
    await request.json()
    return JSONResponse(ANSWER)


def starlette(middleware: list[Middleware]) -> Any:
    routes = [Route("/api/orders/{number:int}", order, methods=["POST"])]
    return Starlette(routes=routes, middleware=middleware)


def fastapi(middleware: list[Middleware]) -> Any:
    app = FastAPI(openapi_url=None, middleware=middleware)

    @app.post("/api/orders/{number}")
    async def numbered(number: int, request: Request) -> JSONResponse:
        await request.json()
        return JSONResponse({**ANSWER, "id": number})

    return app


class Nothing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class BaseHttp(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        return await call_next(request)


class Structlog(BaseHTTPMiddleware):
    def __init__(self, app: Any, path: Path) -> None:
        super().__init__(app)
        self.log = structlog.wrap_logger(
            structlog.BytesLogger(file=path.open("ab")),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(serializer=orjson.dumps),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        )

    async def dispatch(self, request: Any, call_next: Any) -> Any:
        started = time.perf_counter()
        identity = request.headers.get("x-request-id") or str(uuid.uuid4())
        response = await call_next(request)
        headers = request.headers
        self.log.info(
            "http.request",
            request_id=identity,
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            status=response.status_code,
            duration_ms=(time.perf_counter() - started) * 1e3,
            client_ip=request.client.host,
            forwarded=headers.get("x-forwarded-for", ""),
            host=headers.get("host", ""),
            scheme=request.url.scheme,
            user_agent=headers.get("user-agent", ""),
            referrer=headers.get("referer", ""),
            mime=headers.get("content-type", ""),
            request_bytes=headers.get("content-length", ""),
            response_bytes=response.headers.get("content-length", ""),
            traceparent=headers.get("traceparent", ""),
            auth_scheme=headers.get("authorization", "").partition(" ")[0],
        )
        response.headers["X-Request-ID"] = identity
        return response


RUNS = (("bare", "sealtrail", "nothing", "base-http", "structlog"), ("bare", "sealtrail", "otel"))


def variant(name: str, make: Callable[[list[Middleware]], Any], folder: Path) -> Any:
    door = {"service": "shop", "spool": folder / "spool", "trusted_proxies": ["10.0.0.0/8"]}
    if name == "otel":
        return instrumented(make([]))
    middleware = {
        "bare": [],
        "sealtrail": [Middleware(SealtrailMiddleware, **door)],
        "nothing": [Middleware(Nothing)],
        "base-http": [Middleware(BaseHttp)],
        "structlog": [Middleware(Structlog, path=folder / "structlog.log")],
    }
    return make(middleware[name])


def instrumented(app: Any) -> Any:
    # Only now: who has imported OpenTelemetry is asked for its span at each request.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.starlette import StarletteInstrumentor

    from _opentelemetry import provider

    if isinstance(app, FastAPI):
        FastAPIInstrumentor.instrument_app(app, tracer_provider=provider())
    else:
        StarletteInstrumentor.instrument_app(app, tracer_provider=provider())
    return app


async def serve(app: Any, requests: int) -> float:
    """CPU seconds for `requests` requests, one after another."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(_: Any) -> None:
        pass

    started = time.process_time()
    for _ in range(requests):
        await app({**SCOPE, "headers": list(SCOPE["headers"])}, receive, send)
    return time.process_time() - started


def main() -> None:
    arguments = asked("CPU cost of recording under ASGI, as ratios.")
    for make, names in ((make, names) for names in RUNS for make in (starlette, fastapi)):
        with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder:
            cost = measure(
                {name: variant(name, make, Path(folder)) for name in names},
                lambda app, requests, run=runner.run: run(serve(app, requests)),
                Path(folder, "spool"),
                rounds=arguments.rounds,
                requests=arguments.requests,
            )
        alone = cost["bare"]
        print(f"{make.__name__}, CPU per request, medians of one interleaved run")
        print(f"{'':12}{'us':>8}{'added us':>10}{'x bare':>8}")
        for name, value in cost.items():
            print(f"{name:12}{value:8.1f}{value - alone:10.1f}{value / alone:8.2f}")
        print(f"goal: sealtrail adds at most {GOALS[make.__name__]:.0f} us")


if __name__ == "__main__":
    main()
