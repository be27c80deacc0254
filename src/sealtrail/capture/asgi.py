"""Middleware around an ASGI application: HTTP requests and websockets are recorded, all else passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from sealtrail.capture import context
from sealtrail.capture.asgi_exchange import AsgiExchange, HttpExchange, Receive, Scope, Send
from sealtrail.capture.recorder import Recorder
from sealtrail.capture.websocket import WebsocketExchange

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# In the scope of a request that is being recorded, so that a mounted application does not do it again.
SCOPE_KEY: Final = "sealtrail.call"

_EXCHANGES: Final[dict[str, type[HttpExchange | WebsocketExchange]]] = {
    "http": HttpExchange,
    "websocket": WebsocketExchange,
}


def _hand_on(scope: Scope) -> None:
    """A door further out records this request; a middleware in between may have copied the scope."""
    call = context.current.get()
    if isinstance(call, AsgiExchange):
        call.scope = scope


class AsgiCapture:
    """The middleware. Nothing in it raises, and the application's own exceptions pass."""

    def __init__(self, app: Application, recorder: Recorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = _EXCHANGES.get(scope["type"])
        if kind is None or SCOPE_KEY in scope:
            if kind is not None:
                _hand_on(scope)
            await self.app(scope, receive, send)
            return
        try:
            exchange = kind(self.recorder, scope, receive, send)
            scope[SCOPE_KEY] = True
            block = self.recorder.blocks.find(exchange.client_ip)
        except Exception:  # our own fault must not cost the application a request
            self.recorder.failed()
            await self.app(scope, receive, send)
            return
        if block is not None:
            await exchange.refuse(block.id)
            return
        exchange.enter()
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.finish(error)
            raise
        exchange.finish()
