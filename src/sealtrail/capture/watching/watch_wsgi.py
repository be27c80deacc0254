"""Between the door and a WSGI application: what it reads and answers is looked at on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sealtrail.capture.context import current
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch import Watch, watched
from sealtrail.capture.wsgi import Sized

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class WsgiWatch:
    """The application, watched. Nothing in it raises, and the application's own exceptions pass."""

    def __init__(self, app: WSGIApplication, plan: Plan) -> None:
        self.app = app
        self.plan = plan

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        call = current.get()
        if not isinstance(call, Exchange) or call.watch is not None:
            return self.app(environ, start_response)
        try:
            watch = watched(call, self.plan, environ.get("HTTP_CONTENT_ENCODING") or "")
            watch.root = environ.get("SCRIPT_NAME") or ""
            if watch.request is not None and "wsgi.input" in environ:
                environ["wsgi.input"] = Input(environ["wsgi.input"], watch)
        except Exception:  # our own fault must not cost the application a request
            call.recorder.failed()
            return self.app(environ, start_response)
        answer = _Answer(watch, start_response)
        body = self.app(environ, answer.start)
        if answer.has_started and watch.response is None:
            return body  # nothing that is looked at
        answer.body = body
        return Sized(answer) if hasattr(body, "__len__") else answer


class _Answer:
    """The answer on its way through."""

    body: Iterable[bytes] = ()
    has_started = False

    def __init__(self, watch: Watch, start_response: StartResponse) -> None:
        self._watch = watch
        self._start_response = start_response

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """What the application calls in place of start_response."""
        watch = self._watch
        self.has_started = True
        try:
            watch.answers(headers)
        except Exception:  # headers are the server's to judge
            watch.recorder.failed()
        if exc_info is None:
            write = self._start_response(status, headers)
        else:
            write = self._start_response(status, headers, exc_info)
        if watch.response is None:
            return write

        def written(data: bytes) -> object:
            result = write(data)
            watch.said(data)
            return result

        return written

    def __iter__(self) -> Iterator[bytes]:
        said = self._watch.said
        for part in self.body:
            said(part)
            yield part

    def close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


class Input:
    """A stream of which all that is read is looked at. It reads nothing by itself."""

    def __init__(self, stream: Any, watch: Watch) -> None:
        self._stream = stream
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        # What not every stream has: who reads looks for it first.
        found = getattr(self._stream, name)
        if name in {"readinto", "readinto1"}:
            return self._read_into(found)
        return self._read_once(found) if name == "read1" else found

    def _read_once(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        def reading(*arguments: Any, **named: Any) -> bytes:
            data = read(*arguments, **named)
            self._watch.heard(data)
            return data

        return reading

    def _read_into(self, read: Callable[[Any], int | None]) -> Callable[[Any], int | None]:
        def reading(buffer: Any) -> int | None:
            size = read(buffer)
            if size:
                self._watch.heard(bytes(memoryview(buffer)[:size]))
            return size

        return reading

    def read(self, *arguments: Any, **named: Any) -> bytes:
        data: bytes = self._stream.read(*arguments, **named)
        self._watch.heard(data)
        return data

    def readline(self, *arguments: Any, **named: Any) -> bytes:
        data: bytes = self._stream.readline(*arguments, **named)
        self._watch.heard(data)
        return data

    def readlines(self, *arguments: Any, **named: Any) -> list[bytes]:
        lines: list[bytes] = self._stream.readlines(*arguments, **named)
        for line in lines:
            self._watch.heard(line)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self._watch.heard(line)
            yield line

    def __next__(self) -> bytes:
        line: bytes = next(self._stream)
        self._watch.heard(line)
        return line
