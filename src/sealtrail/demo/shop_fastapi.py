"""The shop as an ordinary FastAPI application: `uvicorn --factory sealtrail.demo.shop_fastapi:create_app`."""

# FastAPI evaluates the annotations of what is defined within `create_app`: they cannot be put off as text.
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse

import sealtrail
from sealtrail.asgi import SealtrailMiddleware
from sealtrail.demo.shop import Shop


def create_app() -> FastAPI:
    """The application, recorded by Sealtrail."""
    app = FastAPI(title="shop")
    shop = Shop.of_environment()
    app.add_middleware(SealtrailMiddleware, service="shop", api_fields=["request", "response"])

    def signed_in(authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
        user = shop.signed_in(authorization)
        if user is None:
            raise HTTPException(401)
        sealtrail.actor(user_id=user["id"], roles=[user["role"]])
        return user

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/products")
    async def products() -> dict[str, Any]:
        return {"products": list(shop.products.values())}

    @app.get("/products/{number}")
    async def product(number: str) -> dict[str, Any]:
        return _found(shop.products, number)

    @app.get("/catalogue")
    async def catalogue() -> StreamingResponse:
        return StreamingResponse(shop.catalogue(), media_type="text/csv")

    # Not a coroutine: hashing a password keeps a thread busy, and must not be the one of everybody.
    @app.post("/login")
    def login(body: dict[str, Any]) -> dict[str, str]:
        name = str(body.get("name"))
        wrong = shop.check(name, str(body.get("password")))
        if wrong:
            sealtrail.login_failed(name=name, reason=wrong)
            raise HTTPException(401, "wrong name or password")
        sealtrail.login_succeeded(user_id=shop.users[name]["id"], method="password")
        return {"token": shop.sign_in(name)}

    @app.get("/invoices/{number}", dependencies=[Depends(signed_in)])
    async def invoice(number: str) -> dict[str, Any]:
        found = _found(shop.invoices, number)
        # The hole: nobody compares the owner with who is asking. `touched` is what makes it visible.
        sealtrail.touched("invoice", number, owner=found["owner"])
        return {"number": number, **found}

    @app.put("/users/{name}/role")
    async def change_role(
        name: str, body: dict[str, Any], user: Annotated[dict[str, Any], Depends(signed_in)]
    ) -> dict[str, Any]:
        if user["role"] != "admin":
            raise HTTPException(403)
        changed = _found(shop.users, name)
        before, changed["role"] = changed["role"], str(body["role"])
        sealtrail.audit(
            "user.role.update",
            target=("user", changed["id"]),
            change=[("role", before, changed["role"])],
            reason="ticket 4711",
        )
        return {"name": name, "role": changed["role"]}

    return app


def _found(things: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in things:
        raise HTTPException(404)
    return things[name]
