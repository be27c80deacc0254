"""What frameworks tell nobody but their own hooks: Quart its route, and each what was raised.

Neither is imported: one that the application uses is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from sealtrail.capture import context
from sealtrail.capture.exchange import class_name
from sealtrail.capture.head import as_octets
from sealtrail.capture.identity import quart_user, starlette_auth
from sealtrail.capture.mounted import below, werkzeug_route
from sealtrail.capture.recorder import Recorder


def join(app: Any, recorder: Recorder) -> None:
    """Have an application's hooks tell its requests what is not in their scope. Others are left alone."""
    try:
        starlette_auth.join(app)
        owner = getattr(app, "__self__", app)  # `app.asgi_app` is a method of it
        for module, name, joined in _JOINED:
            framework = sys.modules.get(module)
            if framework is not None and isinstance(owner, getattr(framework, name)):
                joined(framework, owner)
    except Exception:  # a version whose hooks are others: its requests are recorded without them
        recorder.failed()


def _join_quart(quart: Any, app: Any) -> None:
    signals = quart.signals
    # Coroutines: plain functions would be sent to a thread for each request.
    signals.request_started.connect(_quart_request, app)
    signals.websocket_started.connect(_quart_websocket, app)
    signals.request_finished.connect(_quart_answered, app)
    signals.websocket_finished.connect(_quart_left, app)
    for signal in (signals.got_request_exception, signals.got_websocket_exception):
        signal.connect(_quart_exception, app)


async def _quart_request(*_: Any, **__: Any) -> None:
    _note_route(sys.modules["quart"].request)


async def _quart_websocket(*_: Any, **__: Any) -> None:
    _note_route(sys.modules["quart"].websocket)


async def _quart_answered(app: Any, **_: Any) -> None:
    quart = sys.modules["quart"]
    quart_user.note_signed_in(app, quart.g, quart.session, quart.request)


async def _quart_left(app: Any, **_: Any) -> None:
    quart = sys.modules["quart"]
    quart_user.note_signed_in(app, quart.g, quart.session, quart.websocket)


async def _quart_exception(*_: Any, exception: BaseException, **__: Any) -> None:
    _note_error(exception)


def _join_litestar(_: Any, app: Any) -> None:
    app.after_exception.append(_litestar_exception)


def join_flask() -> None:
    """Have whatever Flask application is wrapped tell what it raised, and answered with a 500 itself."""
    flask = sys.modules.get("flask")
    if flask is not None:
        flask.got_request_exception.connect(_flask_exception)  # again and again is once


def _flask_exception(_: Any, exception: BaseException, **__: Any) -> None:
    _note_error(exception)
    call = context.current.get()
    # Where it goes on to the server there is no response to learn the route from.
    if call is not None and not call.route:
        call.route = werkzeug_route(sys.modules["flask"].request.environ)


async def _litestar_exception(exception: BaseException, _: Any) -> None:
    # Litestar's own exceptions are how an application refuses, and say with which status.
    if getattr(exception, "status_code", 500) >= 500:
        _note_error(exception)


def _note_route(asked: Any) -> None:
    call = context.current.get()
    if call is not None and asked.url_rule is not None:
        mount = below(as_octets(asked.root_path), asked.url_rule.rule) if asked.root_path else None
        call.route = mount or asked.url_rule.rule


def _note_error(error: BaseException) -> None:
    call = context.current.get()
    if call is not None:
        call.error_type = class_name(error)


_JOINED: Final[tuple[tuple[str, str, Callable[[Any, Any], None]], ...]] = (
    ("quart", "Quart", _join_quart),
    ("litestar", "Litestar", _join_litestar),
)
