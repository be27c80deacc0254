"""The same application twice, recorded and bare: who sends X-Bare gets the bare one."""

import json
import logging

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.logging import Handler

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
log = logging.getLogger("shop")
log.addHandler(Handler())
log.setLevel("INFO")
log.propagate = False


def tell(args, headers, body):
    """Everything the client has sent goes wherever an application may put something."""
    try:
        body = json.loads(body)
    except (ValueError, RecursionError):
        body = body.decode("utf-8", "surrogateescape")
    name = args.get("name") or headers.get("x-name", "alice")
    sealtrail.actor(args.get("user") or headers.get("x-user", "u1"), roles=[name], tenant=name)
    sealtrail.touched(args.get("kind", "item"), args.get("id", "1"), owner=name)
    sealtrail.login_failed(name=name, reason=args.get("reason", ""), details=body)
    sealtrail.audit(
        args.get("action") or headers.get("x-action", "invoice.pay"),
        target=(args.get("kind", "item"), args.get("id", "1"), name),
        change=[("a", None, body)],
        details={"headers": headers, "body": body, "args": args},
        reason=headers.get("x-note", ""),
        fields={headers.get("x-field", "acme.x"): body},
    )
    log.info("said %s", args.get("q", ""), extra={"body": body, "password": args.get("password")})


def made(recorded):
    app = FastAPI()
    if recorded:
        app.add_middleware(SealtrailMiddleware, service="shop")

    @app.get("/raise/{path:path}")
    async def raising(path: str, request: Request):
        raise ValueError(path + request.query_params.get("q", ""))

    @app.api_route("/{path:path}", methods=METHODS)
    async def every(path: str, request: Request):
        body = await request.body()
        if recorded:
            tell(dict(request.query_params), dict(request.headers.items()), body)
        return PlainTextResponse(f"{len(path)} {len(request.query_params)} {len(body)}")

    return app


recorded, bare = made(recorded=True), made(recorded=False)


async def app(scope, receive, send):
    if any(name == b"x-bare" for name, _ in scope.get("headers", ())):
        await bare(scope, receive, send)
    else:
        await recorded(scope, receive, send)
