from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealtrail.demo import shop_fastapi, shop_flask
from sealtrail.demo.shop import Shop
from sealtrail.event import decode
from sealtrail.spool.layout import segments

Ask = Callable[..., tuple[int, Any]]


def flask() -> Ask:
    client = shop_flask.create_app().test_client()

    def ask(method: str, target: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        answer = client.open(target, method=method, json=body, headers={"Authorization": f"Bearer {token}"})
        made = answer.status_code, answer.get_json(silent=True) if answer.is_json else answer.get_data()
        answer.close()
        return made

    return ask


def fastapi() -> Ask:
    transport = httpx.ASGITransport(shop_fastapi.create_app())

    def ask(method: str, target: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
                headers = {"Authorization": f"Bearer {token}"}
                return await client.request(method, target, json=body, headers=headers)

        answer = asyncio.run(asked())
        is_json = answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json() if is_json else answer.content

    return ask


@pytest.fixture(params=[flask, fastapi])
def ask(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("SEALTRAIL_SPOOL", str(tmp_path / "spool"))
    made: Ask = request.param()
    return made


def test_both_shops_are_the_same_api(ask: Ask, tmp_path: Path) -> None:
    assert ask("GET", "/health") == (200, {"ok": True})
    assert ask("GET", "/products/3") == (200, {"name": "boat 3", "price": 300})
    assert ask("GET", "/products/31")[0] == 404
    assert len(ask("GET", "/products")[1]["products"]) == 30
    status, catalogue = ask("GET", "/catalogue")
    assert (status, catalogue.count(b"\n")) == (200, 30)
    assert ask("POST", "/login", {"name": "alice", "password": "boats?"})[0] == 401
    assert ask("POST", "/login", {"name": "nobody", "password": "boats?"})[0] == 401
    token = ask("POST", "/login", {"name": "alice", "password": "alice-likes-5-boats"})[1]["token"]
    assert ask("GET", "/invoices/1")[0] == 401
    assert ask("GET", "/invoices/1", token=token) == (200, {"number": "1", "owner": "bob", "total": 11})
    assert ask("GET", "/invoices/999", token=token)[0] == 404
    assert ask("PUT", "/users/erin/role", {"role": "admin"}, token)[0] == 403
    token = ask("POST", "/login", {"name": "root", "password": "root-likes-4-boats"})[1]["token"]
    changed = ask("PUT", "/users/erin/role", {"role": "support"}, token)
    assert changed == (200, {"name": "erin", "role": "support"})

    events = [decode(line) for _, p in segments(tmp_path / "spool") for line in p.read_bytes().splitlines()]
    assert [e["http.response.status_code"] for e in events if e["sealtrail.kind"] == "request"] == [
        *(200, 200, 404, 200, 200, 401, 401, 200, 401, 200, 404, 403, 200, 200)
    ]
    said = [(e["event.action"], e.get("event.reason"), e.get("user.id")) for e in events]
    assert [one for one in said if one[0] != "http.request"] == [
        ("authn_login_fail", "bad_password", None),
        ("authn_login_fail", "unknown_user", None),
        ("authn_login_success", None, "alice"),
        ("authn_required", "no_credentials", None),
        ("authz_fail", "forbidden", "alice"),
        ("authn_login_success", None, "root"),
        ("user.role.update", "ticket 4711", "root"),
    ]
    read = next(e for e in events if "sealtrail.object.id" in e)
    assert (read["user.id"], read["sealtrail.object.owner"]) == ("alice", "bob")


def test_a_token_of_nobody_is_nobodys() -> None:
    shop = Shop("1")
    assert shop.signed_in("") is None
    assert shop.signed_in("Bearer x") is None
    assert shop.signed_in(f"Bearer {shop.sign_in('bob')}") is shop.users["bob"]
