"""Between the door and an ASGI application: what it receives and sends is looked at on its way."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from sealtrail.capture.context import current
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.identity.schemes import header
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch import Watch, watched

if TYPE_CHECKING:
    from sealtrail.capture.asgi import Application
    from sealtrail.capture.asgi_exchange import Message, Receive, Scope, Send


class AsgiWatch:
    """The application, watched. Nothing in it raises, and the application's own exceptions pass."""

    def __init__(self, app: Application, plan: Plan) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = current.get()
        if scope["type"] == "http" and isinstance(call, Exchange) and call.watch is None:
            try:
                watch = watched(call, self.plan, header(scope, b"content-encoding"))
                watch.scope, watch.root = scope, scope.get("root_path") or ""
                passing = _Passing(watch, receive, send)
                if watch.request is not None:
                    receive = passing.receive
                send = passing.send
            except Exception:  # our own fault must not cost the application a request
                call.recorder.failed()
        await self.app(scope, receive, send)


class _Passing:
    """The messages of one request on their way through."""

    def __init__(self, watch: Watch, receive: Receive, send: Send) -> None:
        self._watch = watch
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        try:
            if message["type"] == "http.request":
                data = message.get("body")
                if data:
                    self._watch.heard(data)
        except Exception:  # what the server says is for the application to judge
            self._watch.recorder.failed()
        return message

    def send(self, message: Message) -> Awaitable[None]:
        try:
            kind = message["type"]
            if kind == "http.response.body":
                data = message.get("body")
                if data:
                    self._watch.said(data)
            elif kind == "http.response.start":
                headers = message.get("headers") or ()
                if not isinstance(headers, list | tuple):
                    # Any iterable will do by the specification, also one that can be drawn only once.
                    headers = [*headers]
                    message = {**message, "headers": headers}
                self._watch.answers(headers)
        except Exception:  # the application's response matters more than our look at it
            self._watch.recorder.failed()
        return self._send(message)
