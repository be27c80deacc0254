"""A console over a real collector, and a person who is signed in to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

Serving = Callable[..., AbstractContextManager[Any]]

SAME = {"Sec-Fetch-Site": "same-origin"}


class Person:
    """Somebody at a browser without script. `role` as in accounts."""

    def __init__(self, server: Any, role: str = "admin", name: str = "root") -> None:
        self.http = httpx.Client(
            base_url=server.url, headers={"Accept": "text/html"}, timeout=20, follow_redirects=True
        )
        link = server.served.collector.link(name, role)
        token = httpx.URL(link).params["link"]
        self.post("/sign-in", link=token)
        assert "sealtrail-session" in self.http.cookies

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.http.get(path, params=params or None)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.http.post(path, data=fields, headers=SAME)


@pytest.fixture
def person_at() -> Iterator[Callable[..., Person]]:
    """`person_at(server, role)`: as `person`, at a server of the test's own."""
    made: list[Person] = []

    def signed_in(server: Any, role: str = "admin") -> Person:
        made.append(Person(server, role))
        return made[-1]

    yield signed_in
    for one in made:
        one.http.close()


@pytest.fixture(scope="module")
def console(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server with nothing in it but its own events."""
    with serving(tmp_path_factory.mktemp("console") / "data") as made:
        yield made


@pytest.fixture
def person(console: Any) -> Iterator[Callable[..., Person]]:
    """`person(role)`: somebody of that role, signed in by a one-time link."""
    made: list[Person] = []

    def signed_in(role: str = "admin") -> Person:
        made.append(Person(console, role))
        return made[-1]

    yield signed_in
    for one in made:
        one.http.close()
