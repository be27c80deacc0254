"""One HTTP request of a WSGI application, recorded to the last byte of its response.

A WSGI application's call returns before the body is made; it is the server that draws the body, and calls
`close` whatever happened. So the record is made in `close`, and where the application itself raised.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from sealtrail.capture import context
from sealtrail.capture.context import Call
from sealtrail.capture.exchange import Exchange
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
            exchange = Exchange(self.recorder, environ, self.route)
            environ[ENVIRON_KEY] = exchange.call
            block = self.recorder.blocks.find(exchange.call.client_ip)
        except Exception:  # our own fault must not cost the application a request
            self.recorder.failed()
            return self.app(environ, start_response)
        if block is not None:
            return _refuse(exchange, start_response, block.id)
        flow = _Flow(exchange, start_response)
        try:
            body = self.app(environ, flow.start)
        except BaseException as error:
            flow.finish(error)
            raise
        # Servers take the length of a body of one part for its Content-Length.
        return (_SizedBody if hasattr(body, "__len__") else _Body)(flow, body)


def _refuse(exchange: Exchange, start_response: StartResponse, block: str) -> Iterable[bytes]:
    call = exchange.call
    body = b'{"error":"blocked","request_id":"%b"}\n' % call.request_id.encode("ascii", "replace")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Request-ID", call.request_id),
    ]
    # Written first: the application is not asked, and the server's errors are not the attacker's way out.
    exchange.response(_REFUSED, headers)
    exchange.finish(len(body), perf_counter_ns(), block=block)
    start_response(_REFUSED, headers)
    return [] if exchange.is_head else [body]


class _Flow:
    """What happens between the application and the server, counted."""

    __slots__ = ("_done", "_ended", "_last", "_start_response", "_token", "_write", "exchange", "sent")

    def __init__(self, exchange: Exchange, start_response: StartResponse) -> None:
        self.exchange = exchange
        self.sent = 0
        self._ended = False
        self._start_response = start_response
        self._write: Callable[[bytes], object] | None = None
        self._last = 0
        self._done = False
        self._token: Token[Call | None] = context.current.set(exchange.call)

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        try:
            headers = self.exchange.response(status, headers)
        except Exception:  # the application's response matters more than our record of it
            self.exchange.recorder.failed()
        if exc_info is not None:
            self._write = self._start_response(status, headers, exc_info)
        else:
            self._write = self._start_response(status, headers)
        return self.write

    def write(self, data: bytes) -> object:
        """The old way of sending a body."""
        if self._write is None:
            raise AssertionError("write() before start_response()")
        result = self._write(data)
        self.sent += len(data)
        return result

    def end(self) -> None:
        """The body is drawn to its end."""
        self._last = perf_counter_ns()
        self._ended = True

    def finish(self, error: BaseException | None = None) -> None:
        """Write the record, once."""
        if self._done:
            return
        self._done = True
        try:
            self.exchange.finish(self.sent, self._last or perf_counter_ns(), error=error, ended=self._ended)
        except Exception:  # see above: never the application's problem
            self.exchange.recorder.failed()
        finally:
            # A body may be closed by another thread or task, or after the next request has begun here.
            if context.current.get() is self.exchange.call:
                with contextlib.suppress(ValueError, RuntimeError):
                    context.current.reset(self._token)


class _Body:
    """A response body on its way through."""

    __slots__ = ("_body", "_flow", "_iterator")

    def __init__(self, flow: _Flow, body: Iterable[bytes]) -> None:
        self._flow = flow
        self._body = body
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        flow = self._flow
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            part = next(self._iterator)
            flow.sent += len(part)
        except StopIteration:
            flow.end()
            raise
        except BaseException as error:
            flow.finish(error)
            raise
        return part

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._flow.finish(error)
            raise
        self._flow.finish()

    def __del__(self) -> None:
        # Test clients and careless servers do not close; late is better than never.
        self._flow.finish()


class _SizedBody(_Body):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # only made for bodies that have a length
