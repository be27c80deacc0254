"""The shop under a real server, as a process of its own: gunicorn with threads, or uvicorn."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from sealtrail.demo.client import Client
from sealtrail.errors import SealtrailError, UsageError

Framework = Literal["flask", "fastapi"]

START_SECONDS: Final = 20.0  # for the sample server to answer, on a slow machine


class ShopServer:
    """Runs the shop on a free loopback port, its spool in `spool`. A context manager."""

    def __init__(
        self,
        spool: Path,
        log: Path,
        *,
        framework: Framework = "flask",
        run: str = "1",
        threads: int = 8,
        workers: int = 1,
    ) -> None:
        self._framework = framework
        self._spool = spool
        self._log = log
        self._run = run
        self._threads = threads
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.port = _free_port()
        environment = {
            **os.environ,
            "SEALTRAIL_SPOOL": str(self._spool),
            "SEALTRAIL_SERVICE": "shop",
            "SEALTRAIL_TRUSTED_PROXIES": "127.0.0.1/32",
            "SEALTRAIL_DEMO_RUN": self._run,
        }
        command = [sys.executable, "-m", *self._command()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def _command(self) -> list[str]:
        workers = str(self._workers)
        if self._framework == "fastapi":
            # uvicorn would put the client in the place of the proxy, whose address Sealtrail records as well.
            return [
                *("uvicorn", "--factory", "sealtrail.demo.shop_fastapi:create_app", "--workers", workers),
                *("--host", "127.0.0.1", "--port", str(self.port), "--no-proxy-headers"),
                *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"),
            ]
        return [
            *("gunicorn", "sealtrail.demo.shop_flask:create_app()", "--workers", workers),
            *("--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread"),
            *("--threads", str(self._threads), "--no-control-socket", "--log-level", "warning"),
        ]

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def stop(self) -> None:
        """End it gracefully: requests in flight are finished and recorded."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                client = Client(self.port, "127.0.0.1", "shop-check/1")
                status, _ = client.call("GET", "/health")
                client.close()
            except OSError:
                time.sleep(0.05)
                continue
            if status == 200:
                return
        raise SealtrailError(
            "usage.argument", "the demo's shop did not start", hint=f"Its own words are in {self._log}."
        )


def need_extra(framework: Framework) -> None:
    """Raise unless what the demo runs on is installed."""
    for name in ("flask", "gunicorn") if framework == "flask" else ("fastapi", "uvicorn"):
        if find_spec(name) is None:
            raise UsageError(
                "usage.extra",
                f"the demo needs {name}, which is not installed",
                hint="Install the package with its `demo` extra.",
            )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
