"""Starlette's AuthenticationMiddleware answers 400 to what its backend refuses: it is told what that means.

Its answers stay what they are. Where one says 401 or 403, that says enough.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from sealtrail.capture import context
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.identity import denied

_MAX_APPLICATIONS: Final = 200


def join(app: Any) -> None:
    """Have every such middleware of an application tell of refusals, also of one that is not built yet."""
    module = sys.modules.get("starlette.middleware.authentication")
    if module is None:
        return
    for each in _within(app):
        if isinstance(each, module.AuthenticationMiddleware) and not isinstance(each.on_error, _Telling):
            each.on_error = _Telling(each.on_error)
        elif getattr(each, "middleware_stack", ()) is None and not isinstance(
            each.build_middleware_stack, _Building
        ):
            each.build_middleware_stack = _Building(each.build_middleware_stack)


def _within(app: Any) -> Iterator[Any]:
    """An application, what it wraps and what is mounted in it."""
    waiting = [app]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_APPLICATIONS:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [
            found
            for name in ("app", "middleware_stack", "router")
            if (found := getattr(each, name, None)) is not None
        ]
        routes = getattr(each, "routes", ())
        waiting += [route.app for route in routes if hasattr(route, "routes") and hasattr(route, "app")]


class _Building:
    """What builds an application's middleware, when the first request comes."""

    def __init__(self, build: Any) -> None:
        self._build = build

    def __call__(self) -> Any:
        built = self._build()
        try:
            join(built)
        except Exception:  # a version that is built differently
            call = context.current.get()
            if call is not None:
                call.recorder.failed()
        return built


class _Telling:
    """An `on_error` of the application's, or Starlette's own."""

    def __init__(self, on_error: Any) -> None:
        self._on_error = on_error

    def __call__(self, connection: Any, error: Any) -> Any:
        answer = self._on_error(connection, error)
        call = context.current.get()
        if (
            isinstance(call, Exchange)
            and "refused" in call.recorder.sign_ins
            and getattr(answer, "status_code", 0) not in {401, 403}
        ):
            denied.tell(call, 401, "", connection.scope)
        return answer
