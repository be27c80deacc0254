"""FastAPI, Starlette and a bare ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

import sealtrail
from sealtrail.asgi import SealtrailMiddleware

app = FastAPI()
app.add_middleware(SealtrailMiddleware, service="shop", version="1.0", api_fields=True, openapi=app.openapi)
starlette = Starlette(middleware=[Middleware(SealtrailMiddleware, service="shop")])
around = SealtrailMiddleware(
    starlette, service="shop", trusted_proxies=("10.0.0.0/8",), scrub=Path("scrub.toml")
)


@app.get("/invoices/{number}")
async def read(number: str) -> dict[str, str]:
    sealtrail.touched("invoice", number, owner="u2")
    sealtrail.requires("clerk", scopes=["invoices:read"])
    sealtrail.responded(fields={"number": 1}, count=1)
    with sealtrail.actor("u1", roles=["clerk"], tenant="acme"):
        return {"number": number}


async def bare(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


wrapped = SealtrailMiddleware(bare, service="bare", api_fields=("request", "token"), openapi="openapi.json")
SealtrailMiddleware(bare, service=None)  # E
SealtrailMiddleware(3)  # E
