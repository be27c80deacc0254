from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from sealtrail.errors import AccessError, BusyError, NotFoundError, QueryError, SealtrailError, UsageError
from sealtrail.serve import client as module
from sealtrail.serve.client import Client

KEY = "st_0123456789_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_ABCDE"


class Other:
    """Somebody who answers every request with the same bytes, and keeps what was asked."""

    def __init__(self, answer: bytes) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            line, _ = self._socket.accept()
            with line:
                asked = line.recv(65_536)
                if not asked:
                    return
                head, _, body = asked.partition(b"\r\n\r\n")
                size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
                while len(body) < size:
                    body += line.recv(65_536)
                asked = head + b"\r\n\r\n" + body
                self.asked.append(asked)
                line.sendall(self._answer)

    def end(self) -> None:
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def other() -> Iterator[Callable[..., Other]]:
    made: list[Other] = []

    def answering(body: bytes, status: str = "200 OK", *headers: str) -> Other:
        head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers])
        made.append(Other(head.encode() + b"\r\n\r\n" + body))
        return made[-1]

    yield answering
    for one in made:
        one.end()


def refusal(call: Callable[[], object], kind: type[SealtrailError] = UsageError) -> SealtrailError:
    with pytest.raises(kind) as caught:
        call()
    assert KEY not in str(caught.value)
    assert "AbCdEf" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8787",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://localhost:99999",
        f"http://user:{KEY}@localhost",
        f"http://{KEY}@localhost",
        f"http://localhost/?key={KEY}",
        "http://localhost/#a",
        "http://local host",
        "http://localhost/a\r\nHost: b",
        "http://localh\u00f6st",
    ],
)
def test_what_is_no_url_of_a_collector_is_refused_without_repeating_it(url):
    assert refusal(lambda: Client(url, KEY)).code == "usage.argument"


@pytest.mark.parametrize("key", [f"{KEY}\r\nX: y", f"{KEY} ", f"{KEY}\u00e9", "x" * 300])
def test_what_has_not_the_form_of_a_key_is_refused_before_it_is_sent(key):
    assert refusal(lambda: Client("http://localhost", key)).code == "usage.argument"


def test_a_key_goes_over_plain_http_to_this_machine_alone():
    for url in ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "http://127.9.9.9"):
        Client(url, KEY)
    for url in (
        "http://10.0.0.1",
        "http://seal.example.org",
        "http://localhost.example.org",
        "http://0.0.0.0",
    ):
        assert refusal(lambda url=url: Client(url, KEY)).code == "remote.insecure"
        Client(url, KEY, insecure=True)
        Client(url, "")
        Client(url.replace("http:", "https:"), KEY)


def test_a_question_carries_the_key_and_what_is_asked_and_nothing_that_is_empty(other):
    there = other(b'{"a":1}')
    client = Client(f"{there.url}/prefix/", KEY)
    assert client.get("api", "a/b c", q="x&y=z", since="", limit=3) == {"a": 1}
    head = there.asked[0].decode()
    assert head.startswith("GET /prefix/api/a%2Fb%20c?q=x%26y%3Dz&limit=3 HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}\r\n" in head


def test_an_act_carries_json(other):
    there = other(b"{}", "201 Created")
    Client(there.url, KEY).send("POST", "blocks", body={"a": 1})
    assert b"Content-Type: application/json\r\n" in there.asked[0]
    assert there.asked[0].endswith(b'\r\n\r\n{"a":1}')


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(other):
    elsewhere = other(b"{}")
    there = other(b"", "302 Found", f"Location: {elsewhere.url}/")
    assert refusal(lambda: Client(there.url, KEY).get("x")).code == "remote.answer"
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access.denied", AccessError),
        ("busy.disk", BusyError),
        ("not-found.entry", NotFoundError),
        ("query.syntax", QueryError),
        ("usage.argument", UsageError),
    ],
)
def test_a_refusal_is_raised_as_what_it_is_there(other, code, kind):
    body = b'{"error":{"code":"%s","message":"not \\u001b[2Jthis","hint":"that"}}' % code.encode()
    error = refusal(lambda: Client(other(body, "400 Bad").url, KEY).get("x"), kind)
    assert (error.code, error.hint) == (code, "that")
    assert error.what == "not \\u001b[2Jthis"


def test_a_code_of_another_version_is_told_in_its_words(other):
    body = b'{"error":{"code":"future.thing","message":"not yet","hint":""}}'
    error = refusal(lambda: Client(other(body, "400 Bad").url, KEY).get("x"))
    assert (error.code, "not yet (future.thing)" in error.what) == ("remote.answer", True)


def test_without_a_key_it_says_how_to_give_one(other):
    body = b'{"error":{"code":"access.missing","message":"this needs a key","hint":"header"}}'
    error = refusal(lambda: Client(other(body, "401 No").url, "").get("x"), AccessError)
    assert "SEALTRAIL_KEY" in error.hint


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1,", b'{"error":5}', b"\xff"])
@pytest.mark.parametrize("status", ["200 OK", "502 Bad Gateway"])
def test_what_no_collector_says_is_told_as_that(other, body, status):
    if status == "200 OK" and body == b'{"error":5}':
        return
    assert refusal(lambda: Client(other(body, status).url, KEY).get("x")).code == "remote.answer"


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"]
)
def test_a_line_that_breaks_or_is_no_http_is_unreachable(answer, other):
    there = other(b"")
    there._answer = answer
    assert refusal(lambda: Client(there.url, KEY).get("x")).code == "remote.unreachable"


def test_nobody_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = refusal(lambda: Client(f"http://127.0.0.1:{port}", KEY).get("x"))
    assert (error.code, "--url" in error.hint) == ("remote.unreachable", True)


def test_an_answer_without_end_is_given_up(other, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10)
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 10)
    there = other(b"x" * 30)
    client = Client(there.url, KEY)
    assert refusal(lambda: client.get("x")).code == "remote.answer"
    assert refusal(lambda: list(client.lines("x"))).code == "remote.answer"
    assert refusal(lambda: list(client.messages("x"))).code == "remote.answer"


def test_lines_are_whole_or_it_says_so(other):
    there = other(b"one\ntwo\nthr")
    lines = Client(there.url, KEY).lines("x")
    assert [next(lines), next(lines)] == [b"one", b"two"]
    assert refusal(lambda: next(lines)).code == "remote.answer"


def test_messages_are_read_as_the_standard_has_them(other):
    there = other(
        b"retry: 2000\n\n"
        b": comment\n"
        b'id: a:1\ndata: {"x":\ndata: 1}\n\n'
        b"event: dropped\ndata:2\n\n"
        b"id: a:2\n: still here\n\n"
        b"data: never ended"
    )
    told = list(Client(there.url, KEY).messages("x", after="a:0"))
    assert b"Last-Event-ID: a:0\r\n" in there.asked[0]
    assert [(one.kind, one.place, one.data) for one in told] == [
        ("", "a:0", b""),
        ("message", "a:1", b'{"x":\n1}'),
        ("dropped", "a:1", b"2"),
        ("", "a:2", b""),
    ]
