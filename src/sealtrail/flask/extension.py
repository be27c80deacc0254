"""The extension that records every request of a Flask application."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, got_request_exception, has_request_context, request

from sealtrail.capture import context
from sealtrail.capture.choices import ApiFields, OpenApi, SignIns, chosen
from sealtrail.capture.exchange import class_name
from sealtrail.capture.identity.session_cookie import session_hash
from sealtrail.capture.mounted import werkzeug_route
from sealtrail.capture.policies import Scrub
from sealtrail.capture.recorder import Recorder, configured
from sealtrail.capture.watching import planned, wsgi_watched
from sealtrail.capture.wsgi import Route, WsgiCapture, WsgiExchange
from sealtrail.flask import security, signin
from sealtrail.spool.locks import Lock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_EXTENSION: Final = "sealtrail"
_lock: Final = Lock()


class Sealtrail:
    """Records every request of the applications it is given. One instance may serve several.

    What is left out comes from the environment: SEALTRAIL_SERVICE, SEALTRAIL_SPOOL,
    SEALTRAIL_TRUSTED_PROXIES, SEALTRAIL_PSEUDONYM_KEY, SEALTRAIL_SCRUB. `trusted_proxies` are CIDRs.
    `sign_ins` says what of sign-ins is recorded by itself: True, False, or some of signals, user, session,
    refused. `api_fields` says what of an API: True, False, or some of request, response, route, token.
    `openapi` is the API's description: the path of a JSON or YAML file, the document, or what returns it with
    the first request. `scrub` says how secrets are replaced: a mode such as `hmac`, the path of a TOML file,
    or what it says as a mapping. Raises UsageError for what it cannot take; once a request is served, nothing
    here raises.
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
        sign_ins: SignIns = True,
        api_fields: ApiFields = False,
        openapi: OpenApi | None = None,
        scrub: Scrub | None = None,
    ) -> None:
        self._sign_ins = chosen(sign_ins)
        self._plan = planned(api_fields, openapi)
        self._scrub = scrub
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
        recorder.sign_ins = self._sign_ins
        app.extensions[_EXTENSION] = recorder
        capture = WsgiCapture(wsgi_watched(app.wsgi_app, self._plan), recorder, werkzeug_route)
        app.wsgi_app = capture  # type: ignore[method-assign]
        if self._sign_ins:
            capture.app = _first(app, capture, self._sign_ins)
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
                scrub=self._scrub,
            )
        return recorder


def _note_error(_: Flask, exception: BaseException, **__: Any) -> None:
    call = context.current.get()
    if call is not None:
        call.error_type = class_name(exception)
        # Where it goes on to the server there is no response to learn the route from.
        if has_request_context() and request.url_rule is not None:
            call.route = werkzeug_route(request.environ)


def _first(app: Flask, capture: WsgiCapture, sign_ins: frozenset[str]) -> WSGIApplication:
    """The application as its first request finds it: whatever tells of sign-ins is there by then.

    It takes itself out of the way, so that later requests pay for nothing that is not used.
    """
    inner = capture.app

    def first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with _lock:
            if capture.app is first:
                try:
                    _prepare(app, capture, sign_ins)
                except Exception:  # the application's request matters more
                    capture.recorder.failed()
                capture.app = inner
        call = context.current.get()
        if isinstance(call, WsgiExchange) and call.recorder is capture.recorder:
            call.template = capture.route  # this one, too, is somebody's
        return inner(environ, start_response)

    return first


def _prepare(app: Flask, capture: WsgiCapture, sign_ins: frozenset[str]) -> None:
    if "signals" in sign_ins:
        signin.listen(app)
        security.listen(app)
    looks = "user" in sign_ins and hasattr(app, "login_manager")
    follows = "session" in sign_ins
    if looks or follows:
        capture.route = _observing(looks=looks, follows=follows, cookie=app.config["SESSION_COOKIE_NAME"])


def _observing(*, looks: bool, follows: bool, cookie: str) -> Route:
    """What learns the route, and the user and the session besides: Flask still knows its request then."""
    wanted = f"{cookie}="

    def observe(environ: dict[str, Any]) -> str:
        call = context.current.get()
        if call is not None:
            try:
                if looks:
                    signin.note_user()
                cookies = environ.get("HTTP_COOKIE")
                if follows and cookies and wanted in cookies:
                    call.session_hash = session_hash(call.recorder.pseudonyms, cookies, cookie)
            except Exception:  # a user object is the application's code
                call.recorder.failed()
        return werkzeug_route(environ)

    return observe
