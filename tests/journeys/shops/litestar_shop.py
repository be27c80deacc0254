"""The shop in Litestar."""

import asyncio
import gc
import os
from urllib.parse import parse_qsl

from litestar import Litestar, MediaType, Request, Response, Router, WebSocket, get, post, route, websocket
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath
from litestar.response import Stream

import sealtrail
from sealtrail.asgi import SealtrailMiddleware


@route("/items/{number:int}", http_method=["GET", "HEAD"])
async def item(request: Request, number: FromPath[int]) -> Response[dict[str, object] | None]:
    found = {"number": number, "id": sealtrail.request_id()}
    return Response(found if request.method == "GET" else None)


@get("/threads/{number:int}", sync_to_thread=True)
def thread(number: FromPath[int]) -> dict[str, str]:
    sealtrail.touched("item", number)
    return {"id": sealtrail.request_id()}


@get("/stream")
async def stream() -> Stream:
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"x" * 10

    return Stream(parts())


@get("/endless")
async def endless() -> Stream:
    async def parts():
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65536

    return Stream(parts())


@get("/broken")
async def broken() -> Stream:
    async def parts():
        yield b"a" * 10
        await asyncio.sleep(0)
        raise LookupError("half way")

    return Stream(parts())


@get("/raise")
async def raising() -> None:
    raise LookupError("x")


@post("/login")
async def login(request: Request) -> Response[dict[str, str]]:
    form = dict(parse_qsl((await request.body()).decode()))
    hidden = {"form": {"pin": form["password"]}}
    sealtrail.login_failed(name=form["name"], reason="bad_password", details=hidden)
    sealtrail.audit(
        "user.password.change",
        target=("user", "1"),
        details=request.headers["X-Note"],
        change=[("password", "old", form["password"])],
        reason=form["why"],
    )
    return Response({"error": "no"}, status_code=401)


async def mail() -> None:
    sealtrail.audit("mail.send", target=("mail", "1"))
    raise LookupError("nobody waits for it")


@post("/later")
async def later() -> Response[dict[str, str]]:
    sealtrail.actor(user_id="u1", roles=["clerk"])
    return Response({"id": sealtrail.request_id()}, status_code=200, background=BackgroundTask(mail))


@websocket("/rooms/{room:int}")
async def room(socket: WebSocket, room: FromPath[int]) -> None:
    if room == 0:
        await socket.close(1008)
        return
    await socket.accept()
    try:
        while True:
            text = await socket.receive_text()
            if text == "break":
                raise LookupError("half way")
            await socket.send_text(text + "!")
    except WebSocketDisconnect:
        pass


@get("/objects", media_type=MediaType.TEXT)
async def objects() -> str:
    gc.collect()
    return str(len(gc.get_objects()))


@get("/pid")
async def pid() -> dict[str, int]:
    return {"pid": os.getpid()}


_plain = [item, thread, stream, endless, broken, raising, login, later, room, objects, pid]
app = SealtrailMiddleware(
    Litestar([*_plain, Router("/v1", route_handlers=[item])], openapi_config=None, logging_config=None),
    service="shop",
)
