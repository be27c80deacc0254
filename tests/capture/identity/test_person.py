from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
import uuid
from collections import namedtuple
from types import SimpleNamespace as Thing
from typing import Annotated

import httpx
import msgspec
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.asgi import SealtrailMiddleware, identifies
from sealtrail.capture.context import NOBODY
from sealtrail.capture.identity.person import person_of
from sealtrail.capture.marks import Marks


class Struct(msgspec.Struct):
    id: int
    name: str


@dataclasses.dataclass(slots=True)
class Slots:
    user_id: str
    email: str


class Lazy:
    """An attribute of its class is a query, as of an ORM."""

    def __init__(self, **known) -> None:
        self.__dict__.update(known)

    @property
    def id(self):
        raise AssertionError("a query that the application did not make")

    @property
    def roles(self):
        raise AssertionError("another one")


def row():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT 7 AS id, 'ann' AS username").fetchone()
    finally:
        connection.close()


SCHEME = HTTPBearer()
ID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("user", "identity", "name"),
    [
        ("ann", "ann", ""),
        (7, "7", ""),
        (ID, str(ID), ""),
        ({"sub": "u7", "name": "Ann"}, "u7", "Ann"),
        (row(), "7", "ann"),
        (Struct(7, "ann"), "7", "ann"),
        (Slots("u7", "ann@shop.example"), "u7", "ann@shop.example"),
        (namedtuple("User", "id username")(7, "ann"), "7", "ann"),  # noqa: PYI024 - what applications have
        (Thing(id=7, username="ann", is_authenticated=True), "7", "ann"),
        (Lazy(username="ann"), "ann", "ann"),
    ],
)
def test_whoever_names_itself_is_who_acts(user, identity, name) -> None:
    actor = person_of(user, Marks())
    assert (actor.user_id, actor.user_name) == (identity, name)


@pytest.mark.parametrize(
    "roles", ["clerk", ["clerk"], ("clerk",), {"clerk"}, [Thing(name="clerk")], [{"name": "clerk"}]]
)
def test_roles_are_texts_or_have_names(roles) -> None:
    assert person_of(Thing(id=1, roles=roles), Marks()).roles == ("clerk",)


class Asking:
    id = 7

    @property
    async def is_authenticated(self) -> bool:
        return True


@pytest.mark.parametrize(
    "user",
    [
        *(None, True, False, "", {}, [], object(), Thing(), {"id": ""}),
        Thing(id=7, is_authenticated=False),
        Thing(id=7, is_authenticated=lambda: True),
        Asking(),
        Lazy(),
    ],
)
def test_who_is_not_known_to_be_anybody_is_nobody(user) -> None:
    assert person_of(user, Marks()) is NOBODY


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_whatever_an_id_is_there_is_an_actor(identity) -> None:
    assert isinstance(person_of({"id": identity, "roles": identity, "name": identity}, Marks()).user_id, str)


@pytest.fixture
def ask(spool, made):
    """Asks FastAPI, whose dependency is what `identifies` makes of the one given."""

    def ask(dependency):
        app = FastAPI()
        app.add_middleware(SealtrailMiddleware, service="shop", spool=spool)
        user = identifies(dependency)

        @app.get("/me", dependencies=[Depends(user)])
        async def me():
            return "yes"

        async def asked():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
                return await client.get("/me", headers={"Authorization": "Bearer ann"})

        return asyncio.run(asked()).status_code

    return ask


def test_whom_a_dependency_identifies_is_who_acts_in_a_thread_and_in_the_loop(ask, events) -> None:
    def in_thread(given: Annotated[HTTPAuthorizationCredentials, Depends(SCHEME)]):
        return Thing(id=7, username=given.credentials)

    async def in_loop(given: Annotated[HTTPAuthorizationCredentials, Depends(SCHEME)]):
        return in_thread(given)

    assert [ask(in_thread), ask(in_loop)] == [200, 200]
    assert [(event["user.id"], event["user.name"]) for event in events()] == [("7", "ann")] * 2


def test_a_dependency_that_refuses_says_nobody(ask, events) -> None:
    def refusing():
        raise HTTPException(401)

    assert ask(refusing) == 401
    assert {event["user.id"] for event in events() if "user.id" in event} == {"anonymous"}


def test_a_user_whose_code_fails_costs_nobody_the_request(ask, events) -> None:
    class Broken:
        @property
        def is_authenticated(self):
            raise RuntimeError("no database")

    assert ask(Broken) == 200
    assert events()[0]["user.id"] == "anonymous"


def test_outside_of_a_request_a_dependency_is_only_itself() -> None:
    assert identifies(lambda: 7)() == 7


def test_whom_a_dependency_yields_is_who_acts_until_it_is_closed(ask, events) -> None:
    closed = []

    def yielding():
        yield Thing(id=7, username="ann")
        closed.append("sync")

    async def yielding_later():
        yield Thing(id=7, username="ann")
        closed.append("async")

    assert [ask(yielding), ask(yielding_later)] == [200, 200]
    assert closed == ["sync", "async"]
    assert [(event["user.id"], event["user.name"]) for event in events()] == [("7", "ann")] * 2


def test_an_object_that_is_called_as_a_coroutine_is_a_dependency_like_others(ask, events) -> None:
    class Later:
        async def __call__(self):
            return Thing(id=7)

    assert ask(Later()) == 200
    assert events()[0]["user.id"] == "7"
    assert isinstance(identifies(Later)(), Later)  # a class makes objects, whatever they are called as
