"""Names of fields and numbers of records under real servers: whole, in chunks, as files, and as streams."""

from __future__ import annotations

import hashlib
import json

import pytest

ROWS = [{"id": number, "owner": {"name": "hush"}} for number in range(4000)]
ANSWER = json.dumps({"rows": ROWS}).encode()
ORDER = b'{"lines": [{"sku": "hush", "amount": 2}], "is_paid": true}'
ORDERED = ["lines", "lines.sku", "lines.amount", "is_paid"]
UPLOAD = (
    b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nhush\r\n'
    b'--B\r\nContent-Disposition: form-data; name="scan"; filename="hush.bin"\r\n\r\n%b\r\n--B--\r\n'
) % (b"hush" * 100_000)

MADE = f"""
import hashlib, json

ROWS = [{{"id": n, "owner": {{"name": "hush"}}}} for n in range({len(ROWS)})]
ANSWER = json.dumps({{"rows": ROWS}}).encode()
PARTS = [ANSWER[at:at + 7000] for at in range(0, len(ANSWER), 7000)]
"""

FLASK = (
    MADE
    + """
from flask import Flask, Response, request
from sealtrail.flask import Sealtrail

app = Flask("shop")
Sealtrail(app, service="shop", api_fields=True)


@app.post("/echo")
def echo():
    return {"digest": hashlib.sha256(request.get_data()).hexdigest()}


@app.post("/upload")
def upload():
    return {"size": len(request.files["scan"].read())}


@app.get("/rows")
def rows():
    return Response(iter(PARTS), mimetype="application/json")
"""
)

FASTAPI = (
    MADE
    + """
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from sealtrail.asgi import SealtrailMiddleware

app = FastAPI(version="4.2")
app.add_middleware(SealtrailMiddleware, service="shop", api_fields=True, openapi=app.openapi)


@app.post("/echo")
async def echo(request: Request):
    return {"digest": hashlib.sha256(await request.body()).hexdigest()}


@app.post("/upload", include_in_schema=False)
async def upload(request: Request):
    size = 0
    async for part in request.stream():
        size += len(part)
    return {"size": size}


@app.get("/rows")
async def rows():
    return StreamingResponse(iter(PARTS), media_type="application/json")
"""
)

DJANGO = (
    MADE
    + """
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None,
    MIDDLEWARE=["sealtrail.django.SealtrailMiddleware"], SEALTRAIL={"service": "shop", "api_fields": True},
)
django.setup()


def echo(request):
    return JsonResponse({"digest": hashlib.sha256(request.body).hexdigest()})


def upload(request):
    return JsonResponse({"size": len(request.FILES["scan"].read())})


def rows(request):
    return StreamingHttpResponse(iter(PARTS), content_type="application/json")


urlpatterns = [path("echo", echo), path("upload", upload), path("rows", rows)]
wsgi = WSGIHandler()
"""
)

STACKS = {"flask-gunicorn": FLASK, "fastapi-uvicorn": FASTAPI, "django-gunicorn": DJANGO}


@pytest.mark.parametrize("stack", STACKS)
def test_fields_are_told_whatever_way_bodies_take_and_none_is_changed(start, tmp_path, stack) -> None:
    server = start(tmp_path, stack, source=STACKS[stack])
    try:
        digest = hashlib.sha256(ORDER).hexdigest()
        kind = {"Content_Type": "application/json"}
        sent = [server.request("POST", "/echo?dry_run=1", ORDER, **kind)]
        if stack != "django-gunicorn":  # which takes a body of no declared length for none
            parts = iter([ORDER[:20], ORDER[20:21], ORDER[21:]])
            sent.append(server.request("POST", "/echo?dry_run=1", parts, **kind))
        for status, _, body in sent:
            assert (status, json.loads(body)) == (200, {"digest": digest})
        form = {"Content_Type": "multipart/form-data; boundary=B"}
        assert server.request("POST", "/upload", UPLOAD, **form)[0] == 200
        assert server.request("GET", "/rows")[2] == ANSWER
        *orders, upload, rows = server.events(len(sent) + 2)
    finally:
        server.stop()
    for order in orders:
        assert order["sealtrail.request.fields"] == ["dry_run", *ORDERED]
        assert order["sealtrail.response.fields"] == ["digest"]
    assert upload["sealtrail.request.fields"] == ["title", "scan"]
    assert rows["sealtrail.response.fields"] == ["rows", "rows.id", "rows.owner", "rows.owner.name"]
    assert rows["sealtrail.response.count"] == len(ROWS)
    assert rows["sealtrail.truncated"] == ["sealtrail.response.fields"]
    if stack == "fastapi-uvicorn":
        assert [e["sealtrail.api.in_spec"] for e in (*orders, upload, rows)] == [True, True, False, True]
        assert rows["sealtrail.api.version"] == "4.2"
    assert "hush" not in str([orders, upload, rows])
