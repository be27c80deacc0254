"""`sealtrail witness serve`: a C2SP tlog-witness over HTTP, in a process and a folder of its own.

It needs no key of whoever asks: the log's signature is the key. So everything that arrives is a stranger's,
bounded in size, in time and in number, and a request that is refused costs one signature check.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sealtrail.errors import EventError, SealtrailError, UsageError
from sealtrail.ledger.note import ED25519, VerifyKey
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.vigil import Vigil
from sealtrail.ledger.witness import ENDPOINT, MAX_REQUEST_BYTES
from sealtrail.serve.sockets import bound
from sealtrail.serve.stopping import Stop
from sealtrail.web.bodies import bounded

LOGS_FILE: Final = "logs"

# Connections at a time: more are told 503. Each request waits for one disk at most.
MAX_REQUESTS: Final = 512

# For a whole request to arrive: it is a few hundred bytes, and who sends it waits for the answer.
BODY_SECONDS: Final = 10.0

# Between two requests on one connection: strangers must not keep connections open for nothing.
IDLE_SECONDS: Final = 10

_MAX_LOGS_BYTES: Final = 1024 * 1024


def known_logs(folder: Path, given: Sequence[str]) -> tuple[VerifyKey, ...]:
    """Keys of the logs to witness: those of `logs` in the folder, a tlog-policy, and those that were given.

    Each of `given` is a vkey or a file with one. Raises UsageError.
    """
    keys: list[VerifyKey] = []
    path = folder / LOGS_FILE
    if path.exists():
        keys += _policy(path).logs
    for text in given:
        file = Path(text)
        try:
            vkey = file.read_text().strip() if "+" not in text and file.is_file() else text
            keys.append(VerifyKey.from_text(vkey))
        except (SealtrailError, UnicodeDecodeError) as error:
            why = getattr(error, "what", "it is not text")
            raise UsageError(
                "usage.argument",
                f"--log {text[:80]!r}: {why}",
                hint="Give the log's vkey, or its file: `keys/audit.vkey` of a data folder, or "
                "/trails/audit/vkey of a collector.",
            ) from None
    wrong = [key.name for key in keys if key.type != ED25519]
    if wrong:
        raise UsageError("usage.argument", f"the key of {wrong[0]} is not one that logs sign with")
    return tuple(dict.fromkeys(keys))


def _policy(path: Path) -> Policy:
    try:
        return Policy.from_text(path.read_bytes()[:_MAX_LOGS_BYTES].decode())
    except (SealtrailError, UnicodeDecodeError) as error:
        raise UsageError(
            "usage.path",
            f"{path}: {getattr(error, 'what', 'it is not UTF-8')}",
            hint="A line for each log: `log VKEY`.",
        ) from None


def witness_app(vigil: Vigil) -> Starlette:
    """The witness's endpoints: add-checkpoint, the monitor's view of a log, and /healthz."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                data = await bounded(request, MAX_REQUEST_BYTES)
        except TimeoutError:
            return PlainTextResponse("the request did not arrive in time\n", 408, {"Connection": "close"})
        except EventError as error:
            return PlainTextResponse(f"{error.what}\n", 413, {"Connection": "close"})
        # It waits for the disk, and for its turn: the loop goes on reading other requests meanwhile.
        answer = await run_in_threadpool(vigil.add_checkpoint, data)
        return Response(answer.body, answer.status, {"Content-Type": answer.media})

    async def checkpoint(request: Request) -> Response:
        note = await run_in_threadpool(vigil.latest, request.path_params["digest"])
        if note is None:
            return PlainTextResponse("no checkpoint of this log was cosigned\n", 404)
        return PlainTextResponse(note)

    async def healthz(request: Request) -> Response:  # noqa: ARG001 - the shape of an endpoint
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route(f"/{ENDPOINT}", add_checkpoint, methods=["POST"]),
            Route("/{digest:str}/checkpoint", checkpoint, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
        ]
    )


class WitnessServer:
    """A witness whose door is open. A context manager; `port` 0 takes a free one."""

    def __init__(
        self,
        folder: Path,
        *,
        logs: Sequence[str] = (),
        name: str = "",
        algorithm: str = "",
        host: str = "127.0.0.1",
        port: int = 8788,
    ) -> None:
        """Raises UsageError for logs that cannot be read and an address that cannot be listened on."""
        keys = known_logs(folder, logs)
        self.origins = sorted({key.name for key in keys})
        self.vigil = Vigil(folder, keys, time.time, name=name, algorithm=algorithm)
        self._host = host
        self._socket = bound(host, port)
        self.port = int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def vkey(self) -> str:
        """The public key, to be given to who asks this witness and to who verifies."""
        return self.vigil.key.text

    @contextmanager
    def open(self) -> Iterator[uvicorn.Server]:
        """The server, ready to run on `sockets`. Raises LedgerError where the folder is not a witness's."""
        try:
            with self.vigil:
                yield uvicorn.Server(
                    uvicorn.Config(
                        witness_app(self.vigil),
                        log_config=None,
                        access_log=False,
                        server_header=False,
                        lifespan="off",
                        proxy_headers=False,
                        ws="none",
                        limit_concurrency=MAX_REQUESTS,
                        timeout_keep_alive=IDLE_SECONDS,
                        timeout_graceful_shutdown=IDLE_SECONDS,
                    )
                )
        finally:
            self._socket.close()

    def run(self, server: uvicorn.Server, stop: Stop) -> None:
        """Serve until SIGINT or SIGTERM."""

        def end() -> None:
            server.should_exit = True

        stop.then, stop.starting = end, False
        if not stop.asked:
            server.run(sockets=[self._socket])
