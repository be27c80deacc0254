"""One websocket of an ASGI application: a record when it is accepted, and one when it is over.

It may last for days, so whoever asks what goes on now must not have to wait for its end. Both records carry
the same request id, and only the second has a duration and the bytes of both directions.
"""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter_ns
from typing import Any, Final

from sealtrail.capture.asgi_exchange import REQUEST_ID, AsgiExchange, Message
from sealtrail.capture.closing import UNRECORDED
from sealtrail.capture.exchange import FAULTS, class_name, record
from sealtrail.capture.identity import denied
from sealtrail.capture.ids import new_id

_SWITCHING: Final = 101
_NORMAL: Final = 1000
# Ends that are nobody's fault: done, and a page that was left. 1005: the peer gave no code.
_GOOD: Final = frozenset({_NORMAL, 1001, 1005})
# The connection broke: no close was ever said.
_ABNORMAL: Final = 1006
_TRY_AGAIN: Final = 1013


class WebsocketExchange(AsgiExchange):
    """A websocket, from its handshake to its close. It is open once `status` is 101."""

    is_plain = False
    action = "websocket.open"
    code = 0

    def heard(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.receive":
            self.received = (self.received or 0) + _size(message)
        elif kind == "websocket.disconnect":
            self.gone = not self.code
            self._close(message.get("code") or _ABNORMAL)

    def send(self, message: Message) -> Awaitable[None]:
        try:
            kind = message["type"]
            if kind == "websocket.send":
                self.sent += _size(message)
            elif kind == "websocket.accept":
                message = self._accept(message)
            elif kind == "websocket.close":
                self._close(message.get("code") or _NORMAL)
            elif kind == "websocket.http.response.start":
                # A handshake that is answered with a page of the application's own.
                self.status = int(message["status"])
                message = {**message, "headers": self._headers(message)}
                if "refused" in self.recorder.sign_ins:
                    denied.tell(self, self.status, denied.challenge_of(message["headers"]), self.scope)
            elif kind == "websocket.http.response.body":
                self.sent += len(message.get("body") or b"")
                if not message.get("more_body"):
                    self.ended = perf_counter_ns()
        except Exception:  # the application's messages matter more than our record of them
            self.recorder.failed()
        return self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        kept = [pair for pair in message.get("headers") or () if pair[0].lower() != REQUEST_ID]
        return [*kept, self.id_header()]

    def _accept(self, message: Message) -> Message:
        accepted = {**message, "headers": self._headers(message)}
        self.status = _SWITCHING
        self.phase = "start"
        try:
            if not self.route:
                self.complete()
            record(self, None)
        finally:
            self.id = new_id()
            self.phase, self.action = "end", "websocket.close"
        return accepted

    def _close(self, code: int) -> None:
        """Somebody closes it: the first to do so counts."""
        if self.code:
            return
        self.code = code
        if self.status:
            self.ended = perf_counter_ns()
        elif not self.gone:
            # Servers answer a close before the accept with 403.
            self.status = 403
            self.ended = perf_counter_ns()
            if "refused" in self.recorder.sign_ins:
                # All that a close can say: a credential that led to nobody was no good one.
                denied.tell(self, 403, "", self.scope, is_said=False)

    def settle(self, error: BaseException | None) -> str:
        if self.phase == "start":
            return "success"
        if self.phase != "end":
            if error is None and not self.status and not self.gone:
                self.status = 500  # what servers answer to an application that says nothing
            return super().settle(error)
        if self.code:
            # What is raised once the other side has closed is how frameworks tell their application.
            self.reason = f"closed with {self.code}"
            # Quart closes with 1000 what an exception has ended; its hook has told of that.
            broken = bool(self.error_type)
            if error is not None and not self.gone:
                self.error_type = class_name(error)
            if self.code in _GOOD:
                return "failure" if broken else "success"
            return "unknown" if self.code == _ABNORMAL else "failure"
        if error is None:
            return "success"
        self.error_type = class_name(error)
        return "failure" if isinstance(error, FAULTS) else "unknown"

    async def refuse(self, block: str) -> None:
        if block == UNRECORDED:
            await self._put_off(block)
            return
        self.status = 403
        self.refused(block)
        await self._send({"type": "websocket.close", "code": 1008})

    async def _put_off(self, block: str) -> None:
        """Servers answer a close with 403, which would be the wrong thing to say where they can do better."""
        if "websocket.http.response" not in (self.scope.get("extensions") or ()):
            await self._send({"type": "websocket.close", "code": _TRY_AGAIN})
            return
        body = self.refusal(block)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.refusal_headers()]
        start = {"type": "websocket.http.response.start", "status": self.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "websocket.http.response.body", "body": body})


def _size(message: Any) -> int:
    data = message.get("bytes")
    return len(data) if data is not None else len((message.get("text") or "").encode())
