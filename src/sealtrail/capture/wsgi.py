"""One HTTP request of a WSGI application, recorded to the last byte of its response.

A WSGI application's call returns before the body is made; it is the server that draws the body, and calls
`close` whatever happened. So the record is made in `close`, and where the application itself raised.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from sealtrail import scrub
from sealtrail.capture import context
from sealtrail.capture.context import Call
from sealtrail.capture.exchange import record
from sealtrail.capture.ids import moment, new_ids, new_span_id, parse_traceparent, valid_request_id
from sealtrail.capture.recorder import Recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Route = Callable[[dict[str, Any]], str]
"""The template of the matched route, from the environ when the response starts; empty for none."""

# In the environ of a request that is being recorded, so that a mounted application does not do it again.
ENVIRON_KEY: Final = "sealtrail.call"

_REFUSED: Final = "403 Forbidden"


def no_route(_: dict[str, Any]) -> str:
    return ""


class WsgiCapture:
    """Middleware around a WSGI application."""

    def __init__(self, app: WSGIApplication, recorder: Recorder, route: Route = no_route) -> None:
        self.app = app
        self.recorder = recorder
        self.route = route

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if ENVIRON_KEY in environ:
            return self.app(environ, start_response)
        try:
            exchange = Exchange(self.recorder, environ, start_response, self.route)
            environ[ENVIRON_KEY] = True  # not the exchange: a cycle would be left to the garbage collector
            block = self.recorder.blocks.find(exchange.client_ip)
        except Exception:  # our own fault must not cost the application a request
            self.recorder.failed()
            return self.app(environ, start_response)
        if block is not None:
            return exchange.refuse(block.id)
        exchange.enter()
        try:
            body = exchange.body = self.app(environ, exchange.start)
        except BaseException as error:
            exchange.finish(error)
            raise
        # Servers take the length of a body of one part for its Content-Length.
        return _Sized(exchange) if hasattr(body, "__len__") else exchange


class Exchange(Call):
    """One request and its response; also the response's body on its way through."""

    status = 0
    length = -1
    mime = ""
    sent = 0
    body: Iterable[bytes] = ()
    _before: weakref.ref[Call] | None = None
    _write: Callable[[bytes], object] | None = None
    ended = 0
    _done = True  # until it is entered

    def __init__(
        self, recorder: Recorder, environ: dict[str, Any], start_response: StartResponse, route: Route
    ) -> None:
        self.began = perf_counter_ns()
        self.start_time = moment()
        self.environ = environ
        self._start_response = start_response
        self._route = route
        get = environ.get
        given = get("HTTP_X_REQUEST_ID")
        trace = get("HTTP_TRACEPARENT")
        # The event's own id serves as the request's where the caller brings none: one id, not two.
        self.id, made = new_ids()
        parent = None if trace is None else parse_traceparent(trace)
        super().__init__(recorder, self.id, made, new_span_id(), "")
        if parent is not None:
            self.trace_id, self.parent_id = parent
        if given is not None:
            if valid_request_id(given) and scrub.is_clean(given.replace("=", "")):
                self.request_id = given
            else:
                self.marks.note("request-id.refused")
        self.client_ip, self.source_ip = recorder.addresses.resolve(
            get("REMOTE_ADDR") or "", get("HTTP_X_FORWARDED_FOR") or "", get("HTTP_FORWARDED") or ""
        )
        self.user_agent = get("HTTP_USER_AGENT") or ""

    def enter(self) -> None:
        """Make this the current request, and have it recorded whatever comes."""
        before = context.current.get()
        if before is not None:
            # An outer request of this thread is held by its server. One that nobody closed must not be held
            # by the next, or they would form a chain.
            self._before = weakref.ref(before)
        context.current.set(self)
        self._done = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """What the application calls in place of the server's start_response."""
        try:
            headers = self._head(status, headers)
        except Exception:  # the application's response matters more than our record of it
            self.recorder.failed()
        if exc_info is None:
            self._write = self._start_response(status, headers)
        else:
            self._write = self._start_response(status, headers, exc_info)
        return self.write

    def _head(self, status: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Take note of a response's head; the headers to send, which carry this request's id."""
        if not self.route:
            # Now, because frameworks forget their request before the body is drawn.
            self.route = self._route(self.environ)
        self.status = int(status[:3])
        self.length = -1
        self.mime = ""
        # A new list: the application may use its own again.
        kept: list[tuple[str, str]] = []
        for pair in headers:
            size = len(pair[0])
            if size == 12:
                name = pair[0].lower()
                if name == "content-type":
                    self.mime = pair[1]
                elif name == "x-request-id":
                    continue
            elif size == 14 and pair[0].lower() == "content-length" and pair[1].isdigit():
                self.length = int(pair[1][:16])
            kept.append(pair)
        kept.append(("X-Request-ID", self.request_id))
        return kept

    def write(self, data: bytes) -> object:
        """The old way of sending a body."""
        if self._write is None:
            raise AssertionError("write() before start_response()")
        result = self._write(data)
        self.sent += len(data)
        return result

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self.body:
                self.sent += len(part)
                yield part
        except GeneratorExit:
            raise
        except BaseException as error:
            self.finish(error)
            raise
        self.ended = perf_counter_ns()

    def close(self) -> None:
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self.finish(error)
            raise
        self.finish()

    def __del__(self) -> None:
        # Test clients and careless servers do not close; late is better than never.
        if not self._done:
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """Write the record, once."""
        if self._done:
            return
        self._done = True
        try:
            record(self, error)
        except Exception:  # see above: never the application's problem
            self.recorder.failed()
        # A body may be closed by another thread or task, or after the next request has begun here.
        if context.current.get() is self:
            context.current.set(None if self._before is None else self._before())

    def refuse(self, block: str) -> Iterable[bytes]:
        """Answer in the application's place."""
        body = b'{"error":"blocked","request_id":"%b"}\n' % self.request_id.encode("ascii", "replace")
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Request-ID", self.request_id),
        ]
        try:
            self.status, self.mime, self.sent, self.ended = (
                403,
                "application/json",
                len(body),
                perf_counter_ns(),
            )
            record(self, None, block)
        except Exception:  # the refusal matters more than our record of it
            self.recorder.failed()
        self._start_response(_REFUSED, headers)
        return [] if self.is_head else [body]

    @property
    def is_head(self) -> bool:
        return bool(self.environ.get("REQUEST_METHOD") == "HEAD")

    @property
    def is_whole(self) -> bool:
        """True once all of the body is handed on, as far as can be told."""
        return self.ended > 0 or self.sent >= self.length >= 0 or self.is_head or self.status in {204, 304}


class _Sized:
    """The body of an application that says how many parts it has."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._exchange)

    def __len__(self) -> int:
        return len(self._exchange.body)  # type: ignore[arg-type]  # only made for bodies that have a length

    def close(self) -> None:
        self._exchange.close()
