"""Clients of the shop, over real connections. Each speaks from an address of its own.

They reach the shop as through a reverse proxy on this machine, which the shop trusts: the address is what
the proxy says in X-Forwarded-For.
"""

from __future__ import annotations

import http.client
import json
import random
from typing import Any


class Client:
    """One person's connection. `call` gives (status, JSON body or None)."""

    def __init__(self, port: int, address: str, agent: str = "shop-app/2.4") -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"X-Forwarded-For": address, "User-Agent": agent}
        self.address = address

    def call(self, method: str, target: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, target, data, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, ConnectionError):
            # The server may close an idle connection at any time; a person's browser just opens another.
            self._connection.close()
            self._connection.request(method, target, data, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json and text else None

    def bearer(self, token: str) -> None:
        self._headers["Authorization"] = f"Bearer {token}"

    def sign_in(self, name: str, password: str | None = None) -> bool:
        secret = password if password is not None else f"{name}-likes-{len(name)}-boats"
        status, body = self.call("POST", "/login", {"name": name, "password": secret})
        if status == 200:
            self.bearer(body["token"])
        return status == 200

    def close(self) -> None:
        self._connection.close()


def ordinary(client: Client, name: str, dice: random.Random, own: list[int]) -> int:
    """One visit of an ordinary user; gives the number of requests made."""
    made = 1
    if dice.random() < 0.2:  # people mistype
        client.sign_in(name, "boats?")
        made += 1
    client.sign_in(name)
    for _ in range(dice.randint(4, 9)):
        target = dice.choice(
            [
                "/products",
                f"/products/{dice.randint(1, 34)}",
                f"/invoices/{dice.choice(own)}",
                "/catalogue",
                "/health",
            ]
        )
        client.call("GET", target)
        made += 1
    return made
