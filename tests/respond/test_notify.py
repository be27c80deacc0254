"""Channels against servers that are really there, on loopback."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import socket
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sealtrail.errors import UsageError
from sealtrail.respond.notify import Channel, channels


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted; answers `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.port = self.server_address[1]


class _Hook(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Mail(socketserver.ThreadingTCPServer):
    """As much of SMTP as a client needs; keeps each message, or refuses every one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.got: list[tuple[str, list[str], str]] = []
        self.refuses = False
        self.port = self.server_address[1]


class _Smtp(socketserver.StreamRequestHandler):
    server: Mail

    def handle(self) -> None:
        self._say("220 mail.example ESMTP")
        sender, receivers = "", list[str]()
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb in ("EHLO", "HELO"):
                self._say("250 mail.example")
            elif verb == "MAIL":
                sender = line.partition(":")[2].split()[0].strip("<>")
                self._say("250 ok")
            elif verb == "RCPT":
                receivers.append(line.partition(":")[2].strip("<> "))
                self._say("550 no such user" if self.server.refuses else "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                lines = []
                while (text := self.rfile.readline().decode()) not in (".\r\n", ""):
                    lines.append(text)
                self.server.got.append((sender, receivers, "".join(lines)))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[Mail]:
    with Mail() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_webhook_gets_title_and_text_as_json(webhook: Webhook) -> None:
    channel = Channel(f"json://127.0.0.1:{webhook.port}/hooks/secret-path", 1)
    assert channel.name == "json-1"
    assert channel.send("Sealtrail: Brute force (high)", "first\nsecond <b>&amp;") == ""
    ((path, body),) = webhook.got
    assert path.rstrip("/") == "/hooks/secret-path"
    assert body["title"] == "Sealtrail: Brute force (high)"
    assert body["message"] == "first\nsecond <b>&amp;"


def test_a_mail_is_taken_by_a_real_conversation(mail: Mail) -> None:
    url = f"mailto://127.0.0.1:{mail.port}?mode=insecure&from=sealtrail@example.com&to=oncall@example.com"
    assert Channel(url, 2).send("Sealtrail: two alerts", "one\ntwo") == ""
    ((sender, receivers, text),) = mail.got
    assert (sender, receivers) == ("sealtrail@example.com", ["oncall@example.com"])
    message = email.message_from_string(text, policy=email.policy.default)
    assert message["subject"] == "Sealtrail: two alerts"
    part = message.get_body(("plain",))
    assert part is not None
    assert part.get_content().split() == ["one", "two"]


def test_a_refusal_is_told_by_its_status_and_nothing_secret_is_said_or_logged(
    webhook: Webhook, mail: Mail, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook.status = 503
    mail.refuses = True
    hook = Channel(f"json://bob:pass-word@127.0.0.1:{webhook.port}/token-in-path", 1)
    post = Channel(f"mailto://127.0.0.1:{mail.port}?mode=insecure&from=a@example.com&to=b@example.com", 2)
    why = hook.send("t", "b")
    assert why == "it was refused with status 503"
    assert post.send("t", "b") == "it could not be reached, or refused"
    said = f"{why}{caplog.text}{''.join(capfd.readouterr())}"
    assert "pass-word" not in said
    assert "token-in-path" not in said


def test_a_redirect_is_not_followed_with_what_is_secret(webhook: Webhook) -> None:
    webhook.status = 302
    assert Channel(f"json://127.0.0.1:{webhook.port}/a", 1).send("t", "b") != ""
    assert [path.rstrip("/") for path, _ in webhook.got] == ["/a"]


def test_a_service_that_is_not_there_is_an_answer_and_no_exception() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert Channel(f"json://127.0.0.1:{port}/", 1).send("t", "b") == "it could not be reached, or refused"


@pytest.mark.parametrize("wrong", ["nonsense", "", "nosuch://secret-token", "mailto://", "json://"])
def test_an_address_that_is_none_is_refused_by_its_place_and_not_repeated(wrong: str) -> None:
    with pytest.raises(UsageError, match="number 2 of") as refused:
        channels(["json://127.0.0.1:9/", wrong])
    assert "secret-token" not in str(refused.value)
