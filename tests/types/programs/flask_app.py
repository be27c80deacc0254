"""A Flask application, as its developer writes it."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

import sealtrail
from sealtrail.flask import Sealtrail

app = Flask(__name__)
Sealtrail(
    app,
    service="shop",
    spool=Path("spool"),
    trusted_proxies=["10.0.0.0/8"],
    scrub={"rules": {"email": "hmac"}},
)

extension = Sealtrail(service="shop")
extension.init_app(Flask("other"))


@app.post("/login")
def login() -> str:
    sealtrail.login_succeeded("u1", name="ann", method="password", mfa=True, roles=["admin"])
    return sealtrail.request_id()


Sealtrail("shop")  # E
Sealtrail(app, service=3)  # E
Sealtrail(app, servce="shop")  # E
extension.init_app()  # E
