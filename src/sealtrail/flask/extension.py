"""The extension that records every request of a Flask application."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from flask import Flask, got_request_exception, has_request_context, request

from sealtrail.capture import context
from sealtrail.capture.exchange import class_name
from sealtrail.capture.recorder import Recorder, configured
from sealtrail.capture.wsgi import WsgiCapture

_EXTENSION: Final = "sealtrail"


class Sealtrail:
    """Records every request of the applications it is given. One instance may serve several.

    What is left out comes from the environment: SEALTRAIL_SERVICE, SEALTRAIL_SPOOL,
    SEALTRAIL_TRUSTED_PROXIES, SEALTRAIL_PSEUDONYM_KEY. `trusted_proxies` are CIDRs. Raises UsageError for a
    proxy that is none; once a request is served, nothing here raises.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        service: str = "",
        version: str = "",
        environment: str = "",
        spool: str | os.PathLike[str] | None = None,
        trusted_proxies: Sequence[str] | None = None,
    ) -> None:
        self._service = service
        self._version = version
        self._environment = environment
        self._spool = spool
        self._trusted_proxies = None if trusted_proxies is None else tuple(trusted_proxies)
        self._recorders: dict[str, Recorder] = {}
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, *, service: str = "") -> None:
        """Record an application's requests. A second call for the same application changes nothing."""
        if _EXTENSION in app.extensions:
            return
        recorder = self._recorder(service or self._service)
        app.extensions[_EXTENSION] = recorder
        app.wsgi_app = WsgiCapture(app.wsgi_app, recorder, _route)  # type: ignore[method-assign]
        # An exception that Flask turns into a 500 is still what ended the request.
        got_request_exception.connect(_note_error, app)

    def _recorder(self, service: str) -> Recorder:
        recorder = self._recorders.get(service)
        if recorder is None:
            recorder = self._recorders[service] = configured(
                service,
                version=self._version,
                environment=self._environment,
                spool=self._spool,
                trusted_proxies=self._trusted_proxies,
            )
        return recorder


def _note_error(_: Flask, exception: BaseException, **__: Any) -> None:
    call = context.current.get()
    if call is not None:
        call.error_type = class_name(exception)
        # Where it goes on to the server there is no response to learn the route from.
        if has_request_context() and request.url_rule is not None:
            call.route = request.url_rule.rule


def _route(environ: dict[str, Any]) -> str:
    """The template of the rule that matched. Werkzeug keeps its request in the environ."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule is not None else ""
