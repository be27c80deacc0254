"""What recording costs a Flask application: CPU time per request, in two interleaved runs.

bare        the application alone
sealtrail   with the middleware, everything on that is on by itself
fields      the same with what is opt-in: names of the fields of both bodies, the number of records, what the
            bearer token and the API's description say
tutorial    what tutorials teach: pairs of hooks for two structlog lines, and for two lines of a "security
            logger" with a JSON formatter and a stdlib FileHandler, and a list in memory
structlog   the best of that kind: one structlog event of the same fields, encoded by orjson
otel        OpenTelemetry's instrumentation, which records no more than a span, with an exporter that discards

Ratios are what counts; microseconds depend on the machine and on what else it does.
"""

from __future__ import annotations

import io
import json
import logging
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from flask import Flask, g, jsonify, request

from _interleaved import asked, measure
from sealtrail.flask import Sealtrail

BODY = json.dumps({"qty": 2, "items": [{"sku": f"sku-{n}", "price": 9.5} for n in range(4)]}).encode()
ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/api/orders/42",
    "QUERY_STRING": "expand=items&page=2",
    "RAW_URI": "/api/orders/42?expand=items&page=2",
    "CONTENT_TYPE": "application/json",
    "CONTENT_LENGTH": str(len(BODY)),
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.7",
    "HTTP_HOST": "shop.example:8000",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0",
    "HTTP_ACCEPT": "application/json",
    "HTTP_AUTHORIZATION": "Bearer 3f1c5a2d9e8b7c6a5f4e3d2c1b0a9f8e",
    "HTTP_REFERER": "https://shop.example/cart",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "https",
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.errors": io.StringIO(),
}


def make_app(name: str) -> Flask:
    app = Flask(name)

    @app.post("/api/orders/<int:number>")
    def order(number: int) -> Any:
        body = request.get_json()
        return jsonify(id=number, status="ok", qty=body["qty"], items=body["items"], total=123.45)

    return app


def bare(_: Path) -> Flask:
    return make_app("bare")


def sealtrail(folder: Path) -> Flask:
    app = make_app("sealtrail")
    Sealtrail(app, service="shop", spool=folder / "spool", trusted_proxies=["10.0.0.0/8"])
    return app


def fields(folder: Path) -> Flask:
    app = make_app("fields")
    Sealtrail(
        app,
        service="shop",
        spool=folder / "fields",
        trusted_proxies=["10.0.0.0/8"],
        api_fields=True,
        openapi={
            "openapi": "3.1.0",
            "info": {"title": "shop", "version": "1.4.2"},
            "paths": {
                "/api/orders/{number}": {
                    "post": {
                        "security": [{"bearer": ["orders:write"]}],
                        "parameters": [{"name": name, "in": "query"} for name in ("expand", "page")],
                    }
                }
            },
        },
    )
    return app


def tutorial(folder: Path) -> Flask:
    """As tutorials write it: each part brings its own pair of hooks; structlog is configured for all."""
    app = make_app("tutorial")
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=(folder / "tutorial.log").open("a")),
    )
    log = structlog.get_logger()

    class JsonFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            line = {
                "timestamp": datetime.now(UTC).isoformat(),
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
                "module": record.module,
                "function": record.funcName,
                "line": record.lineno,
            }
            line.update(getattr(record, "extra_data", {}))
            return json.dumps(line)

    handler = logging.FileHandler(folder / "security.log")
    handler.setFormatter(JsonFormatter())
    security = logging.getLogger("bench.security")
    security.setLevel(logging.INFO)
    security.propagate = False
    security.addHandler(handler)
    audit_log: list[dict[str, Any]] = []

    def log_event(event_type: str, **known: Any) -> None:
        security.info(event_type, extra={"extra_data": {"event_type": event_type, **known}})

    @app.before_request
    def log_start() -> None:
        g.start = time.time()
        log.info(
            "request_start",
            method=request.method,
            path=request.path,
            ip=request.remote_addr,
            user_agent=request.headers.get("User-Agent"),
        )

    @app.before_request
    def identify() -> None:
        g.request_id = str(uuid.uuid4())
        log_event(
            "API_REQUEST",
            request_id=g.request_id,
            method=request.method,
            path=request.path,
            ip=request.remote_addr,
            user_agent=request.headers.get("User-Agent"),
            query=dict(request.args),
        )

    @app.after_request
    def log_end(response: Any) -> Any:
        log.info(
            "request_end",
            method=request.method,
            path=request.path,
            status=response.status_code,
            duration_ms=round((time.time() - g.start) * 1000, 2),
            ip=request.remote_addr,
        )
        return response

    @app.after_request
    def keep(response: Any) -> Any:
        status = response.status_code
        log_event("API_RESPONSE", request_id=g.request_id, status=status, duration=time.time() - g.start)
        audit_log.append(
            {
                "timestamp": datetime.now(UTC).isoformat(),
                "request_id": g.request_id,
                "user": "anonymous",
                "action": request.method,
                "resource": request.path,
                "status": status,
            }
        )
        response.headers["X-Request-ID"] = g.request_id
        return response

    return app


def structlog_orjson(folder: Path) -> Flask:
    app = make_app("structlog")
    log = structlog.wrap_logger(
        structlog.BytesLogger(file=(folder / "structlog.log").open("ab")),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )

    @app.before_request
    def before() -> None:
        g.start = time.perf_counter()
        g.request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())

    @app.after_request
    def after(response: Any) -> Any:
        log.info(
            "http.request",
            request_id=g.request_id,
            method=request.method,
            path=request.path,
            query=request.query_string.decode("latin-1"),
            route=str(request.url_rule or ""),
            status=response.status_code,
            duration_ms=(time.perf_counter() - g.start) * 1e3,
            client_ip=request.remote_addr,
            forwarded=request.headers.get("X-Forwarded-For", ""),
            host=request.host,
            scheme=request.scheme,
            user_agent=request.headers.get("User-Agent", ""),
            referrer=request.headers.get("Referer", ""),
            mime=request.content_type,
            request_bytes=request.content_length,
            response_bytes=response.calculate_content_length(),
            traceparent=request.headers.get("traceparent", ""),
            auth_scheme=request.headers.get("Authorization", "").partition(" ")[0],
        )
        response.headers["X-Request-ID"] = g.request_id
        return response

    return app


def otel(_: Path) -> Flask:
    # Only now: who has imported OpenTelemetry is asked for its span at each request.
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    from _opentelemetry import provider

    app = make_app("otel")
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider())
    return app


VARIANTS: dict[str, Callable[[Path], Flask]] = {
    "bare": bare,
    "sealtrail": sealtrail,
    "fields": fields,
    "tutorial": tutorial,
    "structlog": structlog_orjson,
    "otel": otel,
}
RUNS = (("bare", "sealtrail", "fields", "tutorial", "structlog"), ("bare", "sealtrail", "otel"))


def serve(app: Flask, requests: int) -> float:
    """CPU seconds for `requests` requests, each drawn to its end and closed as a server does it."""
    started = time.process_time()
    for _ in range(requests):
        environ = {**ENVIRON, "wsgi.input": io.BytesIO(BODY)}
        body = app(environ, lambda *_: lambda _: None)
        for _part in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return time.process_time() - started


def main() -> None:
    arguments = asked("CPU cost of recording in Flask, as ratios.")
    for names in RUNS:
        with tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder:
            cost = measure(
                {name: VARIANTS[name](Path(folder)) for name in names},
                serve,
                Path(folder, "spool"),
                rounds=arguments.rounds,
                requests=arguments.requests,
            )
        alone = cost["bare"]
        added = {name: value - alone for name, value in cost.items()}
        print("Flask, CPU per request, medians of one interleaved run")
        print(f"{'':12}{'us':>8}{'added us':>10}{'x bare':>8}{'added, x sealtrail':>20}")
        for name, value in cost.items():
            times = f"{added[name] / added['sealtrail']:.1f}" if name != "bare" else ""
            print(f"{name:12}{value:8.0f}{added[name]:10.1f}{value / alone:8.2f}{times:>20}")
    print("goals: sealtrail <= 1.4 x bare; tutorial >= 5 and structlog >= 2 times the added cost")


if __name__ == "__main__":
    main()
