"""What recording costs a Django application under WSGI: CPU time per request, interleaved in one run.

bare         the application alone
sealtrail    with the middleware first, everything on
otel         with OpenTelemetry's middleware, which records no more than a span, and an exporter that discards

The handlers are called as a server calls them, without one: what a server costs would only hide the rest.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path
from opentelemetry.instrumentation.django import DjangoInstrumentor

from _interleaved import asked, measure
from _opentelemetry import provider
from flask_capture import serve


def order(request: HttpRequest, number: int) -> JsonResponse:
    body = json.loads(request.body)
    return JsonResponse(
        {"id": number, "status": "ok", "qty": body["qty"], "items": body["items"], "total": 123.45}
    )


urlpatterns = [path("api/orders/<int:number>", order)]


def variants(folder: Path) -> dict[str, Any]:
    """A handler keeps the middleware that the settings named when it was made."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[],
        ROOT_URLCONF=__name__,
        SEALTRAIL={"service": "shop", "spool": folder / "spool", "trusted_proxies": ["10.0.0.0/8"]},
    )
    django.setup()
    made: dict[str, Any] = {"bare": WSGIHandler()}
    settings.MIDDLEWARE = ["sealtrail.django.SealtrailMiddleware"]
    made["sealtrail"] = WSGIHandler()
    settings.MIDDLEWARE = []
    DjangoInstrumentor().instrument(tracer_provider=provider())
    made["otel"] = WSGIHandler()
    return made


def main() -> None:
    arguments = asked("CPU cost of recording in Django, as ratios.")
    with tempfile.TemporaryDirectory(prefix="sealtrail-bench-") as folder:
        cost = measure(
            variants(Path(folder)),
            serve,
            Path(folder, "spool"),
            rounds=arguments.rounds,
            requests=arguments.requests,
        )
    alone = cost["bare"]
    print("Django, CPU per request, medians of one interleaved run")
    print(f"{'':12}{'us':>8}{'added us':>10}{'x bare':>8}")
    for name, value in cost.items():
        print(f"{name:12}{value:8.1f}{value - alone:10.1f}{value / alone:8.2f}")


if __name__ == "__main__":
    main()
