"""Behind a reverse proxy: who asks, and whether the browser speaks https, is what the proxy says.

Anybody can write these headers, so they are believed from the proxies alone that the settings name, and of
several addresses the one that the nearest of those vouches for. Nobody is named by default.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sealtrail.capture.address import Addresses


class Proxied:
    """ASGI middleware: requests of trusted proxies arrive as if who asks had asked directly."""

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self._app = app
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(self._seen(scope) if scope["type"] == "http" else scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        peer = (scope.get("client") or ("", 0))[0]
        if not self._addresses.trusts(peer):
            return scope
        headers = Headers(scope=scope)
        client, _ = self._addresses.resolve(
            peer, ",".join(headers.getlist("x-forwarded-for")), ",".join(headers.getlist("forwarded"))
        )
        seen = {**scope, "client": (client, 0)} if client else dict(scope)
        # The nearest proxy wrote the last one.
        scheme = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
        if scheme in {"http", "https"}:
            seen["scheme"] = scheme
        return seen
