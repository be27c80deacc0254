"""The listening socket of a server."""

from __future__ import annotations

import socket
from typing import Final

from sealtrail.errors import UsageError

BACKLOG: Final = 1024  # connections that wait while a server starts


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens, before anything else starts: a taken port must not leave half a server.

    `port` 0 takes a free one. Raises UsageError (usage.argument).
    """
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # two that have only bound can share a port, and one would fail later
    except OSError as error:
        if listener is not None:
            listener.close()
        raise UsageError(
            "usage.argument",
            f"{host}:{port} cannot be listened on: {error.strerror or error}",
            hint="Another server may have it; name another with --port or SEALTRAIL_PORT; 0 is any.",
        ) from None
    return listener
