from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from sealtrail.capture.address import Addresses
from sealtrail.web.proxied import Proxied

Serving = Callable[..., AbstractContextManager[Any]]

SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


def seen(peer: str, trusted: tuple[str, ...], *headers: tuple[str, str]) -> tuple[str, str]:
    """(client, scheme) as the application sees them."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def ask() -> None:
        scope = {
            "type": "http",
            "scheme": "http",
            "client": (peer, 50000),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        await Proxied(app, Addresses(trusted))(scope, None, None)  # type: ignore[arg-type]

    anyio.run(ask)
    return found[0]["client"][0], found[0]["scheme"]


FORGED = ("X-Forwarded-For", "203.0.113.66")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "192.0.2.1"])
def test_nobody_is_believed_who_is_not_named(peer: str):
    forged = (FORGED, ("X-Forwarded-Proto", "https"), ("Forwarded", "for=203.0.113.66;proto=https"))
    assert seen(peer, (), *forged) == (peer, "http")
    assert seen(peer, ("10.0.0.0/8",), *forged) == (peer, "http")


def test_the_client_is_the_last_that_no_proxy_of_ours_is():
    trusted = ("127.0.0.1/32", "10.0.0.0/8")
    chain = ("X-Forwarded-For", "203.0.113.66, 198.51.100.7, 10.0.0.9")
    assert seen("127.0.0.1", trusted, chain) == ("198.51.100.7", "http")
    assert seen("127.0.0.1", trusted, FORGED, ("X-Forwarded-For", "198.51.100.7"))[0] == "198.51.100.7"
    assert seen("127.0.0.1", trusted, ("Forwarded", 'for="[2001:db8::7]:4711"'))[0] == "2001:db8::7"
    assert seen("127.0.0.1", trusted)[0] == "127.0.0.1"
    assert seen("127.0.0.1", trusted, ("X-Forwarded-For", "not an address"))[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("https", "https"), ("http, HTTPS", "https"), ("https, http", "http"), ("gopher", "http"), ("", "http")],
)
def test_the_scheme_is_what_the_nearest_proxy_says(said: str, scheme: str):
    assert seen("127.0.0.1", ("127.0.0.1",), ("X-Forwarded-Proto", said))[1] == scheme


def signed_in(server: Any, **headers: str) -> httpx.Response:
    token = httpx.URL(server.served.collector.link("root", "admin")).params["link"]
    return httpx.post(f"{server.url}/sign-in", data={"link": token}, headers={**SAME, **headers}, timeout=20)


def address_of_the_last_sign_in(server: Any) -> str:
    assert server.served.collector.settle()
    found = server.get("/api/v1/search", q="event.action:authn_login_success", limit="1").json()
    return str(found["events"][0]["client.ip"])


def test_by_default_a_header_moves_nobody(serving: Serving, tmp_path: Path):
    with serving(tmp_path / "data") as server:
        headers = {"X-Forwarded-For": "203.0.113.66", "X-Forwarded-Proto": "https"}
        assert "__Host-" not in signed_in(server, **headers).headers["set-cookie"]
        assert address_of_the_last_sign_in(server) == "127.0.0.1"


def test_behind_a_proxy_that_is_named_the_address_and_the_cookie_are_the_clients(
    serving: Serving, tmp_path: Path
):
    settings = '[http]\ntrusted-proxies = ["127.0.0.1"]\npublic-url = "https://trail.example.org/"\n'
    with serving(tmp_path / "data", settings) as server:
        headers = {"X-Forwarded-For": "203.0.113.66, 198.51.100.7", "X-Forwarded-Proto": "https"}
        cookie = signed_in(server, **headers).headers["set-cookie"]
        assert cookie.startswith("__Host-sealtrail-session=")
        assert "Secure" in cookie
        assert address_of_the_last_sign_in(server) == "198.51.100.7"
        assert server.served.invitation().startswith("https://trail.example.org/sign-in?link=")
