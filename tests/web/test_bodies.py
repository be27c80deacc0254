from __future__ import annotations

import asyncio

import msgspec
import pytest
from starlette.requests import Request

from sealtrail.errors import EventError
from sealtrail.web.bodies import bounded, json_body


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
