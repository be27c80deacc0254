"""What two ASGI frameworks tell nobody but their own hooks: Quart its route, and both what was raised.

Neither is imported: one that the application uses is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from sealtrail.capture import context
from sealtrail.capture.exchange import class_name
from sealtrail.capture.recorder import Recorder


def join(app: Any, recorder: Recorder) -> None:
    """Have an application's hooks tell its requests what is not in their scope. Others are left alone."""
    try:
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
    for signal in (signals.got_request_exception, signals.got_websocket_exception):
        signal.connect(_quart_exception, app)


async def _quart_request(*_: Any, **__: Any) -> None:
    _note_route(sys.modules["quart"].request.url_rule)


async def _quart_websocket(*_: Any, **__: Any) -> None:
    _note_route(sys.modules["quart"].websocket.url_rule)


async def _quart_exception(*_: Any, exception: BaseException, **__: Any) -> None:
    _note_error(exception)


def _join_litestar(_: Any, app: Any) -> None:
    app.after_exception.append(_litestar_exception)


async def _litestar_exception(exception: BaseException, _: Any) -> None:
    # Litestar's own exceptions are how an application refuses, and say with which status.
    if getattr(exception, "status_code", 500) >= 500:
        _note_error(exception)


def _note_route(rule: Any) -> None:
    call = context.current.get()
    if call is not None and rule is not None:
        call.route = rule.rule


def _note_error(error: BaseException) -> None:
    call = context.current.get()
    if call is not None:
        call.error_type = class_name(error)


_JOINED: Final[tuple[tuple[str, str, Callable[[Any, Any], None]], ...]] = (
    ("quart", "Quart", _join_quart),
    ("litestar", "Litestar", _join_litestar),
)
