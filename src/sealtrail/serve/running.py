"""`sealtrail serve`: the collector behind its HTTP door, until it is told to stop or cannot go on."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette

from sealtrail.follow.worker import Worker
from sealtrail.serve.acting import operator
from sealtrail.serve.doors import Doors
from sealtrail.serve.folder import Folder
from sealtrail.serve.front import own_url
from sealtrail.serve.sockets import bound
from sealtrail.serve.stopping import Stop
from sealtrail.serve.writing import Collector

GRACE_SECONDS: Final = 10  # for requests under way when the server stops
WATCH_SECONDS: Final = 0.5  # between two looks whether a part has failed
QUESTION_SECONDS: Final = 5.0  # for questions to be answered when the server stops; then they are given up


class Served:
    """A collector whose door is open. A context manager; entering binds the port and starts everything.

    `port` 0 takes a free one. `wait` blocks until a signal, or until the ledger cannot be written any more.
    """

    def __init__(
        self,
        data: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 8787,
        spools: Sequence[Path] = (),
        rules: Sequence[Path] = (),
        anchors: Sequence[str] = (),
        stop: Stop | None = None,
    ) -> None:
        """`stop` is a context that is entered: it has the signals from before this until after it."""
        self._host = host
        self._stop = stop
        self._socket = bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self.collector = Collector(
            Folder(data), spools=spools, rules=rules, anchors=anchors, url=own_url(host, self.port)
        )
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        try:
            self.collector.__enter__()
        except BaseException:
            self._socket.close()
            raise
        config = uvicorn.Config(
            self.app(),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="off",
            # It would believe whoever is on this machine; whom to believe is a setting (see web.proxied).
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        logging.getLogger("uvicorn.error").addFilter(_plainly)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.collector.__exit__(kind, value, trace)
        self._socket.close()

    def invitation(self) -> str:
        """A one-time link to the console, for whoever started this."""
        return self.collector.link(operator(), "admin")

    def app(self) -> Starlette:
        """The ASGI application over the running collector."""
        return Doors(self.collector, self._stopping).app()

    def _stopping(self) -> bool:
        return self._server is not None and self._server.should_exit

    def run(self) -> bool:
        """Serve until SIGINT or SIGTERM. False when it ended because the ledger could not be written."""
        if self._stop is not None:
            return self._run(self._stop)
        with Stop() as stop:
            return self._run(stop)

    def _run(self, stop: Stop) -> bool:
        assert self._server is not None
        server = self._server

        def end() -> None:
            server.should_exit = True

        stop.then, stop.starting = end, False
        watch = _Watch(server, self.collector.pipeline.failed, self.collector.store.interrupt)
        if not stop.asked:
            watch.start()
            try:
                # uvicorn listens for the signals itself, and raises what it heard again for us in the end.
                server.run(sockets=[self._socket])
            finally:
                watch.stop()
        return not self.collector.pipeline.failed.is_set()

    def in_background(self) -> Callable[[], None]:
        """Serve from a thread of this process; gives what ends it. For the demo and for tests."""
        assert self._server is not None
        server = self._server
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [self._socket]}, name="sealtrail-http", daemon=True
        )
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join()

        return end


def _plainly(record: logging.LogRecord) -> bool:
    """A request that did not end in time is given up on purpose: one line says so, and no traceback."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        record.exc_info = None
        record.msg, record.args = "a request was given up: it did not end before the server did", ()
    return True


class _Watch(Worker):
    """Ends the server when the ledger cannot be written any more, and the questions that keep it from ending.

    Waited for at the end, like every thread here: one that is still there when the interpreter goes holds
    on to the index, whose library then complains of leaks.
    """

    def __init__(
        self, server: uvicorn.Server, failed: threading.Event, interrupt: Callable[[], None]
    ) -> None:
        super().__init__("watch")
        self._server = server
        self._failed = failed
        self._interrupt = interrupt

    def _run(self) -> None:
        ending = 0.0
        while not self._stopping.wait(WATCH_SECONDS):
            if self._failed.is_set():
                self._server.should_exit = True
            if self._server.should_exit:
                ending += WATCH_SECONDS
                # A thread cannot be cancelled: whoever waits for it waits until the question is answered.
                if ending > QUESTION_SECONDS:
                    self._interrupt()
