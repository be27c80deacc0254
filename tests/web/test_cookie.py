from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.accounts.sessions import Session
from sealtrail.web import cookie


def request(scheme: str = "http", cookies: str = "") -> Request:
    headers = [(b"cookie", cookies.encode())] if cookies else []
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "server": ("127.0.0.1", 80),
            "path": "/",
            "query_string": b"",
            "headers": headers,
        }
    )


@pytest.mark.parametrize(
    ("scheme", "name"), [("http", "sealtrail-session"), ("https", "__Host-sealtrail-session")]
)
def test_a_session_is_given_to_no_script_and_no_other_site(scheme: str, name: str):
    response = Response()
    cookie.put(response, request(scheme), "token")
    given = SimpleCookie(response.headers["set-cookie"])[name]
    assert given.value == "token"
    assert (given["httponly"], given["samesite"], given["path"]) == (True, "strict", "/")
    assert bool(given["secure"]) == (scheme == "https")
    assert (given["domain"], given["max-age"], given["expires"]) == ("", "", "")
    assert cookie.token_of(request(scheme, f"{name}=token")) == "token"
    cookie.take(response, request(scheme))
    assert "Max-Age=0" in response.headers.getlist("set-cookie")[1]


def test_a_cookie_of_plain_http_is_none_over_https():
    assert cookie.token_of(request("https", "sealtrail-session=planted")) == ""


def test_a_request_is_somebodys_where_the_token_is():
    session = Session("alice", "viewer", "v", 0, 0)
    find = cookie.sessions(lambda token, again=False: session if token == "good" else None)
    caller = find(request(cookies="sealtrail-session=good"))
    assert caller is not None
    assert (caller.name, caller.role, caller.came) == ("alice", "viewer", "session")
    assert find(request(cookies="sealtrail-session=bad")) is None
    assert find(request()) is None


def test_one_request_is_one_sign_of_life_however_often_it_is_looked_at():
    asked: list[bool] = []

    def who(token: str, *, again: bool = False) -> None:
        asked.append(again)

    find, one = cookie.sessions(who), request(cookies="sealtrail-session=good")
    for which in (one, Request(one.scope), request(cookies="sealtrail-session=good")):
        find(which)
    assert asked == [False, True, False]
