from __future__ import annotations

import threading
import time
from http.client import HTTPConnection

import pytest

from sealtrail.anchor.places import address
from sealtrail.anchor.sending import MAX_BYTES, send
from sealtrail.errors import UsageError


def where(receiver, more=""):
    return address(receiver.url.replace("//", f"//{more}"), "--anchor-to")


def test_what_is_sent_arrives_with_the_credentials_of_the_address(receiver):
    receiver.answer = lambda *_: (202, b"taken", {"Content-Type": "text/PLAIN; charset=utf-8"})
    answer = send(where(receiver, "me:secret@"), "PUT", "/x?y=1", b"body", {"If-None-Match": "*"})
    assert answer == (202, "text/plain", b"taken")
    ((method, path, headers, body),) = receiver.got
    assert (method, path, body, headers["If-None-Match"]) == ("PUT", "/x?y=1", b"body", "*")
    assert headers["Authorization"] == "Basic bWU6c2VjcmV0"


def test_a_redirect_is_an_answer_like_others(receiver):
    receiver.answer = lambda *_: (302, b"", {"Location": f"{receiver.url}/elsewhere"})
    assert send(where(receiver), "POST", "/", b"x").status == 302
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"x" * (MAX_BYTES + 1), {}, "larger than"),
        (b"x", {"Content-Length": "5", "Connection": "close"}, "cut short"),
        (b"x", {"Content-Length": "five"}, "cannot be asked"),
    ],
)
def test_an_answer_that_is_too_large_or_not_whole_is_none(receiver, body, headers, why):
    receiver.answer = lambda *_: (200, body, {**headers, "Connection": "close"})
    if headers.get("Content-Length") == "five":
        receiver.answer = lambda *_: (200, b"", {"Transfer-Encoding": "chunked"})
    with pytest.raises(UsageError) as refused:
        send(where(receiver), "GET", "/", seconds=0.5)
    assert refused.value.code == "remote.unreachable"
    assert why in refused.value.what


def test_an_answer_that_comes_byte_by_byte_is_given_up_in_bounded_time(receiver):
    def slowly(*_):
        time.sleep(0.25)
        return 200, b"", {}

    receiver.answer = slowly
    with pytest.raises(UsageError, match=r"no whole answer within 0\.1 s|timed out"):
        send(where(receiver), "GET", "/", seconds=0.1)


def test_a_place_that_lets_connecting_take_all_the_time_is_not_asked(receiver, monkeypatch):
    """The timer that bounds the whole answer has nothing to end then: it would drip for ever."""
    timers, connect = [], HTTPConnection.connect

    def late(line):
        connect(line)
        timers[0].function()

    timer = threading.Timer
    monkeypatch.setattr(threading, "Timer", lambda *given: timers.append(timer(*given)) or timers[0])
    monkeypatch.setattr(HTTPConnection, "connect", late)
    with pytest.raises(UsageError, match="no whole answer within 15 s"):
        send(where(receiver), "GET", "/")
    assert receiver.got == []


def test_nobody_there_is_said_without_the_secret(receiver):
    with pytest.raises(UsageError, match="refused") as refused:
        send(address("http://me:secret@127.0.0.1:9/x?sig=secret", "--anchor-to"), "GET", "/")
    assert "secret" not in str(refused.value)
