"""One HTTP request of a WSGI application, recorded to the last byte of its response.

A WSGI application's call returns before the body is made; it is the server that draws the body, and calls
`close` whatever happened. So the record is made in `close`, and where the application itself raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from sealtrail.capture import otel
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_environ
from sealtrail.capture.identity import denied
from sealtrail.capture.mounted import closes, encloses, telling
from sealtrail.capture.opening import SHORT_BYTES, opens
from sealtrail.capture.recorder import Recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Route = Callable[[dict[str, Any]], str]
"""The template of the matched route, from the environ when the response starts; empty for none."""

# In the environ of a request that is being recorded, so that a mounted application does not do it again.
ENVIRON_KEY: Final = "sealtrail.call"


def no_route(_: dict[str, Any]) -> str:
    return ""


class WsgiCapture:
    """Middleware around a WSGI application."""

    _exchange: type[WsgiExchange] | None = None

    def __init__(self, app: WSGIApplication, recorder: Recorder, route: Route = no_route) -> None:
        self.app = app
        self.recorder = recorder
        self.route = route

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if ENVIRON_KEY in environ:
            return self._within(environ, start_response)
        try:
            kind = self._exchange or self._chosen(start_response)
            exchange = kind(self.recorder, of_environ(environ))
            exchange.environ = environ
            exchange.start_response = start_response
            exchange.template = self.route
            environ[ENVIRON_KEY] = True  # not the exchange: a cycle would be left to the garbage collector
            block = self.recorder.blocks.find(exchange.client_ip)
        except Exception:  # our own fault must not cost the application a request
            self.recorder.failed()
            return self.app(environ, start_response)
        if block is not None:
            return exchange.refuse(block.id)
        exchange.enter()
        if exchange.outer is not None and exchange.is_within():
            return self._within(environ, start_response)
        try:
            body = exchange.body = self.app(environ, exchange.start)
        except BaseException as error:
            exchange.finish(error)
            raise
        # Servers take the length of a body of one part for its Content-Length.
        return Sized(exchange) if hasattr(body, "__len__") else exchange

    def _chosen(self, start_response: StartResponse) -> type[WsgiExchange]:
        """By the first request: a process has one server."""
        self._exchange = WsgiExchange if closes(start_response) else Unclosed
        return self._exchange

    def _within(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A door further out records this request."""
        if self.route is not no_route:
            start_response = telling(start_response, environ, self.route)
        return self.app(environ, start_response)


class WsgiExchange(Exchange):
    """One request and its response; also the response's body on its way through."""

    environ: dict[str, Any]
    start_response: StartResponse
    template: Route
    body: Iterable[bytes] = ()
    _write: Callable[[bytes], object] | None = None

    def is_within(self) -> bool:
        """Whether the request around it is the same one, and records it: then this one leaves again."""
        outer = None if self.outer is None else self.outer()
        if outer is None or not encloses(outer, self.environ):
            return False
        self.leave()
        return True

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """What the application calls in place of the server's start_response."""
        try:
            if not self.route:
                # Now, because frameworks forget their request before the body is drawn.
                self.route = self.template(self.environ)
            if not self.joined and otel.API in otel.modules:
                # Flask's instrumentation begins its span after us, and ends it before the body is drawn.
                otel.join(self)
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
            if 401 <= self.status <= 403 and "refused" in self.recorder.sign_ins:
                denied.tell(self, self.status, denied.challenge_of(kept))
            kept.append(("X-Request-ID", self.request_id))
            headers = kept
        except Exception:  # the application's response matters more than our record of it
            self.recorder.failed()
        if exc_info is None:
            self._write = self.start_response(status, headers)
        else:
            self._write = self.start_response(status, headers, exc_info)
        return self.write

    def write(self, data: bytes) -> object:
        """The old way of sending a body."""
        if self._write is None:
            raise AssertionError("write() before start_response()")
        result = self._write(data)
        self.sent += len(data)
        return result

    def __iter__(self) -> Iterator[bytes]:
        try:
            is_short = 0 <= self.length <= SHORT_BYTES
            for part in self.body:
                self.sent += len(part)
                if not is_short:
                    is_short = opens(self)
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

    def refuse(self, block: str) -> Iterable[bytes]:
        """Answer in the application's place."""
        body = self.refusal(block)
        status = "403 Forbidden" if self.status == 403 else "503 Service Unavailable"
        self.start_response(status, self.refusal_headers())
        return [body] if body else []


class Unclosed(WsgiExchange):
    """One whose server never closes the body, nor draws it further than its length: the last part ends it."""

    def __iter__(self) -> Iterator[bytes]:
        for part in super().__iter__():
            if self.sent >= self.length >= 0:
                self.finish()
            yield part
        self.finish()


class Body(Protocol):
    """A response on its way through, drawn from the `body` of an application."""

    @property
    def body(self) -> Iterable[bytes]: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class Sized:
    """The body of an application that says how many parts it has."""

    def __init__(self, through: Body) -> None:
        self._through = through

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._through)

    def __len__(self) -> int:
        return len(self._through.body)  # type: ignore[arg-type]  # only made for bodies that have a length

    def close(self) -> None:
        self._through.close()
