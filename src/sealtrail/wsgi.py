"""The door for any WSGI application: `app = SealtrailMiddleware(app, service="shop")`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sealtrail.capture.choices import ApiFields, OpenApi, SignIns, chosen
from sealtrail.capture.hooks import join_flask
from sealtrail.capture.mounted import werkzeug_route
from sealtrail.capture.policies import Scrub
from sealtrail.capture.recorder import configured
from sealtrail.capture.watching import planned, wsgi_watched
from sealtrail.capture.wsgi import WsgiCapture

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class SealtrailMiddleware(WsgiCapture):
    """Records every request. What is left out comes from the environment, as for `sealtrail.flask`."""

    def __init__(
        self,
        app: WSGIApplication,
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
        super().__init__(wsgi_watched(app, plan), recorder, werkzeug_route)
        join_flask()
