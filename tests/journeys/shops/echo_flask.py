"""The same application twice, recorded and bare: who sends X-Bare gets the bare one."""

import json
import logging

from flask import Flask, request

import sealtrail
from sealtrail.flask import Sealtrail
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
    app = Flask("shop")
    if recorded:
        Sealtrail(app, service="shop")

    @app.route("/", defaults={"path": ""}, methods=METHODS)
    @app.route("/<path:path>", methods=METHODS)
    def every(path):
        body = request.get_data()
        if recorded:
            headers = {name.lower(): value for name, value in request.headers.items()}
            tell(request.args.to_dict(), headers, body)
        return f"{len(path)} {len(request.args)} {len(body)}"

    @app.get("/raise/<path:path>")
    def raising(path):
        raise ValueError(path + request.args.get("q", ""))

    return app


recorded, bare = made(recorded=True), made(recorded=False)


def app(environ, start_response):
    return (bare if "HTTP_X_BARE" in environ else recorded)(environ, start_response)
