"""The door for any ASGI application: `app.add_middleware(SealtrailMiddleware, service="shop")`.

Starlette, FastAPI, Litestar, Quart: it imports none of them. Django has a door of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sealtrail.capture.asgi import Application, AsgiCapture
from sealtrail.capture.choices import ApiFields, OpenApi, SignIns, chosen
from sealtrail.capture.hooks import join
from sealtrail.capture.identity.person import identifies
from sealtrail.capture.policies import Scrub
from sealtrail.capture.recorder import configured
from sealtrail.capture.watching import asgi_watched, planned

__all__ = ["SealtrailMiddleware", "identifies"]


class SealtrailMiddleware(AsgiCapture):
    """Records every request and websocket.

    What is left out comes from the environment, as for `sealtrail.flask`, which says what `sign_ins` takes.
    `session_cookie` is the name of the cookie where the application opens sessions. Raises UsageError for a
    proxy that is none; once a request is served, nothing here raises.
    """

    def __init__(
        self,
        app: Application,
        *,
        service: str = "",
        version: str = "",
        environment: str = "",
        spool: str | os.PathLike[str] | None = None,
        trusted_proxies: Sequence[str] | None = None,
        sign_ins: SignIns = True,
        api_fields: ApiFields = False,
        openapi: OpenApi | None = None,
        scrub: Scrub | None = None,
        session_cookie: str = "session",
    ) -> None:
        kept, plan = chosen(sign_ins), planned(api_fields, openapi)
        recorder = configured(
            service,
            version=version,
            environment=environment,
            spool=spool,
            trusted_proxies=trusted_proxies,
            scrub=scrub,
        )
        recorder.sign_ins = kept
        recorder.session_cookie = session_cookie
        super().__init__(asgi_watched(app, plan), recorder)
        join(app, recorder)
