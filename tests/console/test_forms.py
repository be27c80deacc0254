from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from sealtrail.console.forms import MAX_FORM_BYTES, Form, read_form
from sealtrail.errors import EventError

FORM = "application/x-www-form-urlencoded"


def read(body: bytes, kind: str = FORM) -> Form:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return asyncio.run(read_form(Request(scope, receive)))


def test_fields_are_found_by_name_and_all_of_a_name_in_order():
    form = read(b"id=1&id=2&reason=a+b%C3%A9&empty=")
    assert form == {"id": "2", "reason": "a bé", "empty": ""}
    assert form.every("id") == ["1", "2"]
    assert form.every("none") == []


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"a=1", "application/json", "body.media-type"),
        (b"a=1", "", "body.media-type"),
        (b"a=" + b"x" * MAX_FORM_BYTES, FORM, "body.too-large"),
        (b"a=%ff", FORM, "body.unreadable"),
        (b"\xff", FORM, "body.unreadable"),
        (b"a=1&" * 3000, FORM, "body.unreadable"),
    ],
)
def test_what_no_form_of_ours_sends_is_refused(body: bytes, kind: str, code: str):
    with pytest.raises(EventError) as caught:
        read(body, kind)
    assert caught.value.code == code


@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_a_designed_error(body: bytes):
    try:
        read(body)
    except EventError as error:
        assert error.code == "body.unreadable"
