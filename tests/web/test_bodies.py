from __future__ import annotations

import asyncio

import msgspec
import pytest
from starlette.requests import Request

from sealtrail.errors import BusyError, EventError
from sealtrail.web import bodies
from sealtrail.web.bodies import Room, bounded, json_body


class Shape(msgspec.Struct):
    name: str


def sending(*parts: bytes, **headers: str) -> Request:
    left = list(parts)

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": given}, receive)


def code_of(work) -> str:
    with pytest.raises(EventError) as caught:
        asyncio.run(work)
    return caught.value.code


def test_a_body_is_read_up_to_its_limit_and_no_byte_further():
    assert asyncio.run(bounded(sending(b"ab", b"cd"), 4)) == b"abcd"
    assert code_of(bounded(sending(b"ab", b"cde", b"never asked for"), 4)) == "body.too-large"
    assert code_of(bounded(sending(content_length="5"), 4)) == "body.too-large"


def test_a_declared_length_that_is_a_lie_does_not_count():
    assert asyncio.run(bounded(sending(b"ab", content_length="x" * 20), 4)) == b"ab"


def test_json_has_its_shape_or_says_where_it_has_not():
    def body(*parts, kind="application/json; charset=utf-8"):
        return json_body(sending(*parts, content_type=kind), Shape)

    assert asyncio.run(body(b'{"name":', b'"a"}')) == Shape("a")
    for wrong in (b"", b"{", b"[]", b'{"name":1}', b'{"name":"\xff"}'):
        assert code_of(body(wrong)) == "body.unreadable"
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert code_of(body(b'{"name":"a"}', kind=kind)) == "body.media-type"


def test_all_bodies_together_have_a_limit_and_give_back_what_they_held():
    room = Room(10)
    with room.share() as one:
        one(6)
        with room.share() as other:
            other(4)
            with pytest.raises(BusyError) as caught:
                other(1)
            assert (caught.value.code, caught.value.retry_after) == ("busy.queue", 1)
        with room.share() as third:
            third(4)
    with room.share() as again:
        again(10)


def test_the_only_one_who_asks_is_never_refused_for_ever():
    with Room(3).share() as take:
        take(5)
        take(5)


def test_a_body_is_told_of_piece_by_piece_before_it_is_kept():
    told: list[int] = []
    asyncio.run(bounded(sending(b"ab", b"cde"), 9, told.append))
    assert sum(told) == 5
    assert told[:2] == [2, 3]


def test_a_body_that_trickles_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.0)

    async def never():
        await asyncio.Event().wait()

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, never)
    assert code_of(bounded(request, 4)) == "body.too-slow"
