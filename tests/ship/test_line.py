from __future__ import annotations

import socket
import threading
from http.client import HTTPConnection

import pytest

from sealtrail.errors import UsageError
from sealtrail.ship.line import Line
from sealtrail.web.remote import remote


def line_to(url: str, key: str, **options) -> Line:
    return Line(remote(url, key), key, **options)


def test_one_connection_serves_request_after_request_and_carries_the_key(door, ship):
    there = door(ship.answer(200, b"one"), ship.answer(404, b"two", "X-Some: thing"))
    line = line_to(there.url, ship.KEY)
    assert line.ask("GET", "/a").body == b"one"
    second = line.ask("POST", "/b", b"body", {"Content-Type": "text/plain"})
    assert (second.status, second.body, second.headers["x-some"]) == (404, b"two", "thing")
    line.close()
    assert there.connections == 1
    assert all(f"Authorization: Bearer {ship.KEY}".encode() in asked for asked in there.asked)


def test_a_connection_that_was_closed_meanwhile_is_made_again_at_once(door, ship):
    there = door(ship.answer(200, b"one"), b"", ship.answer(200, b"two"))
    line = line_to(there.url, ship.KEY)
    assert line.ask("GET", "/a").body == b"one"
    assert line.ask("GET", "/b").body == b"two"
    line.close()
    assert there.connections == 2


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf CUT",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhalf CUT",
        b"",
        b"nonsense\r\n\r\nCUT",
    ],
)
def test_an_answer_that_does_not_come_whole_is_none(door, ship, broken):
    line = line_to(door(broken).url, ship.KEY)
    with pytest.raises(UsageError) as caught:
        line.ask("GET", "/a")
    assert caught.value.code == "remote.unreachable"
    assert ship.KEY not in str(caught.value)


def test_a_server_that_says_nothing_is_given_up_when_asked(ship):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = line_to(f"http://127.0.0.1:{silent.getsockname()[1]}", ship.KEY)
        failed = []

        def ask() -> None:
            try:
                line.ask("GET", "/a")
            except UsageError as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        accepted, _ = silent.accept()
        with accepted:
            accepted.recv(10)
            line.abort()
            thread.join(20)
        assert failed
        with pytest.raises(UsageError):
            line.ask("GET", "/b")


def test_a_server_that_lets_connecting_take_all_the_time_is_not_asked(door, ship, monkeypatch):
    """Giving up found nothing to shut down, and each byte of a slow answer is in time by itself."""
    there, connect = door(ship.answer(200, b"late")), HTTPConnection.connect
    line = line_to(there.url, ship.KEY)

    def late(connection: HTTPConnection) -> None:
        line.abort()
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", late)
    with pytest.raises(UsageError, match="given up"):
        line.ask("GET", "/a")
    assert there.asked == []


def test_redirects_are_answers_and_not_followed(door, ship):
    line = line_to(door(ship.answer(302, b"", "Location: http://127.0.0.1:1/")).url, ship.KEY)
    assert line.ask("GET", "/a").status == 302
    line.close()
