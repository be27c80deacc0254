"""The shop in Quart."""

import asyncio
import gc
import os

from quart import Quart, request, websocket

import sealtrail
from sealtrail.asgi import SealtrailMiddleware

app = Quart("shop")
app.asgi_app = SealtrailMiddleware(app.asgi_app, service="shop")


@app.get("/items/<int:number>")
async def item(number):
    return {"number": number, "id": sealtrail.request_id()}


@app.get("/threads/<int:number>")
def thread(number):
    sealtrail.touched("item", number)
    return {"id": sealtrail.request_id()}


@app.get("/stream")
async def stream():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.05)
            yield b"x" * 10

    return parts()


@app.get("/endless")
async def endless():
    async def parts():
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65536

    return parts()


@app.get("/broken")
async def broken():
    async def parts():
        yield b"a" * 10
        await asyncio.sleep(0)
        raise LookupError("half way")

    return parts()


@app.get("/raise")
async def raising():
    raise LookupError("x")


@app.post("/login")
async def login():
    form = await request.form
    hidden = {"form": {"pin": form["password"]}}
    sealtrail.login_failed(name=form["name"], reason="bad_password", details=hidden)
    sealtrail.audit(
        "user.password.change",
        target=("user", "1"),
        details=request.headers["X-Note"],
        change=[("password", "old", form["password"])],
        reason=form["why"],
    )
    return {"error": "no"}, 401


@app.post("/later")
async def later():
    async def mail():
        sealtrail.audit("mail.send", target=("mail", "1"))
        raise LookupError("nobody waits for it")

    sealtrail.actor(user_id="u1", roles=["clerk"])
    app.add_background_task(mail)
    return {"id": sealtrail.request_id()}


@app.websocket("/rooms/<int:room>")
async def room(room):
    if room == 0:
        return "no", 403
    while True:
        text = await websocket.receive()
        if text == "break":
            raise LookupError("half way")
        await websocket.send(text + "!")


@app.get("/objects")
async def objects():
    gc.collect()
    return str(len(gc.get_objects()))


@app.get("/pid")
async def pid():
    return {"pid": os.getpid()}
