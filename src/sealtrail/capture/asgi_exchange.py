"""One HTTP request of an ASGI application, recorded to the last byte of its response.

The application hands its messages to a `send` of ours, which learns of the last one before the server does:
so the record is written first, and no client holds a whole answer of which there is none. What an application
does after its answer, in background tasks, is neither waited for nor counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter_ns
from typing import Any, Final

from sealtrail.capture import otel
from sealtrail.capture.context import Actor
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_scope
from sealtrail.capture.identity import denied
from sealtrail.capture.identity.schemes import header
from sealtrail.capture.identity.session_cookie import session_hash
from sealtrail.capture.opening import opens
from sealtrail.capture.recorder import Recorder
from sealtrail.capture.scope import template_of, user_of
from sealtrail.capture.watching.secret_names import note_keys

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

REQUEST_ID: Final = b"x-request-id"


class AsgiExchange(Exchange):
    """What HTTP requests and websockets have in common."""

    asks = True

    def __init__(self, recorder: Recorder, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(recorder, of_scope(scope))
        self.scope = scope
        self._receive = receive
        self._send = send

    def complete(self) -> None:
        scope = self.scope
        self.route = template_of(scope, self.head.path, self.marks)
        if self.head.query and ("route" in scope or self.recorder.secret_names):
            note_keys(self, scope)
        if "session" in scope and "session" in self.recorder.sign_ins:
            cookies = header(scope, b"cookie")
            if cookies:
                self.session_hash = session_hash(
                    self.recorder.pseudonyms, cookies, self.recorder.session_cookie
                )

    def recognised(self) -> Actor:
        return user_of(self.scope, self.marks)

    async def receive(self) -> Message:
        message = await self._receive()
        try:
            self.heard(message)
        except Exception:  # what the server says is for the application to judge
            self.recorder.failed()
        return message

    def heard(self, message: Message) -> None:
        """Take note of what the client sent, or that it went."""

    def id_header(self) -> tuple[bytes, bytes]:
        return REQUEST_ID, self.request_id.encode("latin-1")


class HttpExchange(AsgiExchange):
    """One request and its response."""

    _opened = False

    def heard(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.request":
            self.received = (self.received or 0) + len(message.get("body") or b"")
        elif kind == "http.disconnect" and not self.ended:
            self.gone = True

    # Not a coroutine of its own, but for parts of a stream: a request pays for no more than it needs.
    def send(self, message: Message) -> Awaitable[None]:
        try:
            kind = message["type"]
            if kind == "http.response.body":
                self.sent += len(message.get("body") or b"")
                if message.get("more_body"):
                    return self._stream(message)
                self._last()
            elif kind == "http.response.start":
                message = self._start(message)
            elif kind == "http.response.pathsend":
                # The server reads the file: all we know of it is what the headers say.
                self.sent = max(self.length, 0)
                self._last()
            elif kind == "http.response.zerocopysend":
                self.sent += message.get("count") or 0
                if not message.get("more_body"):
                    self._last()
        except Exception:  # the application's response matters more than our record of it
            self.recorder.failed()
        return self._send(message)

    async def _stream(self, message: Message) -> None:
        if not self._opened:
            self._opened = opens(self)
        try:
            await self._send(message)
        except OSError:
            # ASGI's way of saying that nobody is there any more.
            self.gone = True
            raise

    def _start(self, message: Message) -> Message:
        """Take note of a response's head; the message to send, which carries this request's id."""
        if not self.joined and otel.API in otel.modules:
            otel.join(self)
        self.status = int(message["status"])
        self.length = -1
        self.mime = ""
        kept: Headers = []
        for pair in message.get("headers") or ():
            size = len(pair[0])
            if size == 12:
                name = pair[0].lower()
                if name == b"content-type":
                    self.mime = pair[1].decode("latin-1")
                elif name == REQUEST_ID:
                    continue
            elif size == 14 and pair[0].lower() == b"content-length" and pair[1].isdigit():
                self.length = int(pair[1][:16])
            kept.append(pair)
        if 401 <= self.status <= 403 and "refused" in self.recorder.sign_ins:
            denied.tell(self, self.status, denied.challenge_of(kept), self.scope)
        kept.append(self.id_header())
        return {**message, "headers": kept}

    def _last(self) -> None:
        """The last byte is about to go."""
        if self.ended or self.gone:
            return
        self.ended = perf_counter_ns()
        # Frameworks answer an unhandled exception with a 500 and raise it again: then its class is to come.
        if self.status < 500:
            self.conclude()

    async def refuse(self, block: str) -> None:
        body = self.refusal(block)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.refusal_headers()]
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
