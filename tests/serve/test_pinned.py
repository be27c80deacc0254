"""Commands hold a real collector to what it signed before, and refuse one that shows another past."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealtrail.errors import TamperedError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import TrailKey
from sealtrail.serve.client import Client
from sealtrail.serve.pinned import ASKED, Holding, pins_folder
from sealtrail.serve.source import Where, source
from sealtrail.web.remote import remote

EVENT = {"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read"}


@pytest.fixture(scope="module")
def server(serving, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("pinned") / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        made.send(EVENT)
        assert made.served.collector.settle()
        yield made


def asked(server, role="viewer", **more):
    return source(Where(Path("none"), server.url, server.keys[role], **more)).search("*", "", "", 1)


def folder(server) -> Path:
    return pins_folder(remote(server.url, ""))


def forged(server, size: int, root: bytes = b"\1" * 32) -> bytes:
    key = TrailKey.from_secret_text((server.data / "keys" / "audit.key").read_text().strip())
    return sign_note(Checkpoint(key.key.name, size, root).text, [key]).data


def test_pins_are_the_users_own_and_of_one_collector(tmp_path):
    state = tmp_path / "state"
    one = pins_folder(remote("https://seal.example.org", ""), {"XDG_STATE_HOME": str(state)})
    assert one.parent == state / "sealtrail" / "pins"
    assert one.name.startswith("seal.example.org-")
    assert one != pins_folder(remote("https://seal.example.org:1", ""), {"XDG_STATE_HOME": str(state)})
    assert pins_folder(remote("https://[::1]", ""), {"XDG_STATE_HOME": "relative"}).is_relative_to(
        Path.home() / ".local" / "state" / "sealtrail" / "pins"
    )


def test_what_every_trail_signed_is_kept_and_the_next_checkpoint_goes_on_from_it(server):
    assert asked(server)
    kept = {path.name for path in (folder(server) / "checkpoints").iterdir()}
    assert kept == {"access", "audit"}
    first = (folder(server) / "checkpoints" / "audit").read_bytes()
    assert (folder(server) / "checkpoints" / "audit").stat().st_mode & 0o777 == 0o600
    assert folder(server).stat().st_mode & 0o777 == 0o700
    for _ in range(3):
        server.send(*[EVENT] * 200)
        server.served.collector.pipeline.mark().result()  # and signed
        assert asked(server)
    later = (folder(server) / "checkpoints" / "audit").read_bytes()
    assert Checkpoint.from_note(later)[0].size > Checkpoint.from_note(first)[0].size + 600


@pytest.mark.parametrize("kind", ["cut", "rewritten", "gone"])
def test_a_collector_that_shows_another_past_is_not_asked(server, kind):
    assert asked(server)
    place = folder(server) / "checkpoints" / "audit"
    match kind:
        case "cut":
            place.write_bytes(forged(server, 10**6))
            why = "signed 1,000,000 entries and now shows"
        case "rewritten":
            place.write_bytes(forged(server, 1))
            why = "does not begin with the earlier one"
        case _:
            place.with_name("audit-2").write_bytes(place.read_bytes())
            why = "shows no such trail"
    with pytest.raises(TamperedError, match=why) as refused:
        asked(server)
    assert refused.value.exit_code == 1
    assert ASKED in refused.value.hint
    assert asked(server, pin=False)  # whoever insists


def test_who_may_not_read_is_refused_by_the_question_itself(server):
    Holding(remote(server.url, ""), server.keys["ingest"])()
    assert not folder(server).joinpath("checkpoints").exists()


def test_a_state_that_cannot_be_kept_is_said_and_keeps_nobody_from_asking(
    server, monkeypatch, tmp_path, caplog
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert asked(server)
    assert "cannot be kept" in caplog.text


def test_commands_at_once_take_nothing_for_a_divergence(server):
    def often(_: int) -> None:
        for _ in range(3):
            server.send(EVENT)
            Holding(remote(server.url, ""), server.keys["viewer"])()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(often, range(4)))


def test_a_client_is_held_to_it_once_before_its_first_question(server):
    said: list[str] = []
    client = Client(server.url, server.keys["viewer"], first=lambda where: said.append(where.name))
    assert said == []
    client.get("api", "v1", "count")
    client.get("api", "v1", "count")
    assert said == [server.url]


def test_an_answer_of_another_shape_pins_nothing_and_is_said(serving, door, caplog):
    body = b'{"trails": [{"trail": 7}]}'
    made = door(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    Holding(remote(made, ""), "st_a_b")()
    assert "does not say what it signed" in caplog.text
    assert not os.path.lexists(pins_folder(remote(made, "")) / "checkpoints")


@pytest.fixture
def door():
    """A door that gives one answer."""
    import socket
    import threading

    listening = socket.create_server(("127.0.0.1", 0))

    def serve(answer: bytes) -> str:
        def once() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65_536)
                line.sendall(answer)

        threading.Thread(target=once, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    listening.close()
