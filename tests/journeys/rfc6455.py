"""Both ends of a websocket, as far as RFC 6455 is needed here: a protocol for uvicorn, and a client.

uvicorn leaves websockets to a library of its user's choice, and none is among our dependencies. This one has
no extensions, no fragments and no limits: it is for tests.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from typing import Any
from urllib.parse import unquote

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def accept_of(key: str) -> str:
    return b64encode(sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def frame(opcode: int, data: bytes, *, mask: bytes = b"") -> bytes:
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
    assert size < 65536
    if mask:
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        length = bytes([length[0] | 0x80]) + length[1:]
    return bytes([0x80 | opcode]) + length + mask + data


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole frames out of what came so far."""
    while len(buffer) >= 2:
        size, at = buffer[1] & 0x7F, 2
        if size == 126:
            if len(buffer) < 4:
                return
            size, at = struct.unpack_from("!H", buffer, 2)[0], 4
        mask = b""
        if buffer[1] & 0x80:
            mask, at = bytes(buffer[at : at + 4]), at + 4
        if len(buffer) < at + size:
            return
        opcode, data = buffer[0] & 0x0F, bytes(buffer[at : at + size])
        del buffer[: at + size]
        yield opcode, bytes(byte ^ mask[place % 4] for place, byte in enumerate(data)) if mask else data


class Protocol(asyncio.Protocol):
    """What `uvicorn --ws rfc6455:Protocol` makes of each connection that asks for an upgrade."""

    transport: asyncio.Transport

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any]) -> None:
        if not config.loaded:
            config.load()
        self.config, self.state, self.app_state = config, server_state, app_state
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.buffer = bytearray()
        self.key = ""
        self.open = False
        self.closed = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.connections.discard(self)
        self._gone(1006)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.key:
            head, end, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if end:
                self.buffer = bytearray(rest)
                self._asked(head)
            return
        for opcode, content in frames(self.buffer):
            if opcode == TEXT:
                self.queue.put_nowait({"type": "websocket.receive", "text": content.decode()})
            elif opcode == BINARY:
                self.queue.put_nowait({"type": "websocket.receive", "bytes": content})
            elif opcode == PING:
                self.transport.write(frame(PONG, content))
            elif opcode == CLOSE:
                if not self.closed:
                    self.transport.write(frame(CLOSE, content))
                self._gone(struct.unpack("!H", content[:2])[0] if content else 1005)
                self.transport.close()

    def shutdown(self) -> None:
        """The server stops."""
        if self.open and not self.closed:
            self.transport.write(frame(CLOSE, struct.pack("!H", 1012)))
        self._gone(1012)
        self.transport.close()

    def _gone(self, code: int) -> None:
        if not self.closed:
            self.closed = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})

    def _asked(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        headers = [(name.lower(), value) for name, value in (line.split(b": ", 1) for line in lines)]
        path, _, query = first.split(b" ")[1].partition(b"?")
        self.key = dict(headers)[b"sec-websocket-key"].decode()
        peer, here = self.transport.get_extra_info("peername"), self.transport.get_extra_info("sockname")
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": self.config.root_path,
            "headers": headers,
            "client": peer[:2],
            "server": here[:2],
            "subprotocols": [],
            "state": self.app_state.copy(),
            "extensions": {},
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = asyncio.get_running_loop().create_task(self._run(scope))
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self.config.loaded_app(scope, self.queue.get, self._send)
        except Exception:  # the application broke: as servers do, an internal error
            await self._send({"type": "websocket.close", "code": 1011})
        self.transport.close()

    async def _send(self, message: dict[str, Any]) -> None:
        if self.closed:
            return
        match message["type"]:
            case "websocket.accept":
                self.open = True
                lines = [
                    "HTTP/1.1 101 Switching Protocols",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    f"Sec-WebSocket-Accept: {accept_of(self.key)}",
                    *(f"{name.decode()}: {value.decode()}" for name, value in message.get("headers") or ()),
                ]
                self.transport.write("\r\n".join([*lines, "", ""]).encode())
            case "websocket.send":
                text, data = message.get("text"), message.get("bytes")
                self.transport.write(
                    frame(TEXT, text.encode()) if text is not None else frame(BINARY, data or b"")
                )
            case "websocket.close" if self.open:
                self.transport.write(frame(CLOSE, struct.pack("!H", message.get("code") or 1000)))
                self._gone(message.get("code") or 1000)
            case "websocket.close":
                self.transport.write(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                self._gone(1006)


class Client:
    """A browser's end. Leaving it without `close` is a connection that breaks."""

    def __init__(self, port: int, target: str, **headers: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._buffer = bytearray()
        key = b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {target} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        first, *pairs = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value for name, value in (pair.split(": ", 1) for pair in pairs)}
        if self.status == 101:
            assert self.headers["sec-websocket-accept"] == accept_of(key)

    def say(self, text: str) -> None:
        self.socket.sendall(frame(TEXT, text.encode(), mask=os.urandom(4)))

    def hear(self) -> tuple[int, bytes]:
        """(opcode, content) of the next frame."""
        while True:
            for found in frames(self._buffer):
                return found
            self._more()

    def close(self, code: int = 1000) -> None:
        self.socket.sendall(frame(CLOSE, struct.pack("!H", code), mask=os.urandom(4)))
        while self.hear()[0] != CLOSE:
            pass
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server is gone")
        self._buffer += data
