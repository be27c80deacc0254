"""Pins against a real ledger behind a real door, and against doors that lie."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealtrail.errors import TamperedError
from sealtrail.event import Range
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import TrailKey
from sealtrail.serve.signers import rotate
from sealtrail.ship.line import Answer, Line
from sealtrail.ship.pins import Pins
from sealtrail.web.remote import remote

EVENT = {"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read"}


class Asked:
    """A line to a server, with answers that somebody in between has changed."""

    def __init__(self, server: Any) -> None:
        self.remote = remote(server.url, "")
        self._line = Line(self.remote, server.keys["ingest"])
        self.changed: dict[str, Answer] = {}
        self.paths: list[str] = []

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        self.paths.append(path)
        return self.changed.get(path) or self._line.ask(method, path, body)

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def asked(server: Any) -> Any:
    line = Asked(server)
    yield line
    line.close()


@pytest.fixture
def pins(asked: Any, tmp_path: Path) -> Pins:
    return Pins(tmp_path / "pins", asked)


def grow(server: Any, count: int) -> bytes:
    """Send so many events; the checkpoint that covers them."""
    before = size(server)
    for first in range(0, count, 500):
        server.send(*(EVENT for _ in range(min(500, count - first))))
    end = time.monotonic() + 20
    while size(server) < before + count:
        assert time.monotonic() < end
    return note(server)


def note(server: Any) -> bytes:
    answer: httpx.Response = server.get("/trails/audit/checkpoint")
    return answer.content


def size(server: Any) -> int:
    return Checkpoint.from_note(note(server))[0].size


def receipt(note: bytes) -> list[Range]:
    return [Range("audit", ((0, 1),), 1, note.decode())]


def learned(pins: Pins, note: bytes) -> None:
    pins.learn(receipt(note), all_of_them=True)


def test_a_trail_that_grows_is_followed_over_every_border_of_its_tiles(server, pins, tmp_path):
    for count in (1, 3, 250, 5, 260, 700):
        learned(pins, grow(server, count))
    assert pins.counts == {"checkpoints": 6, "unchecked": 0}
    assert (tmp_path / "pins" / "checkpoints" / "audit").read_bytes() == note(server)
    again = Pins(tmp_path / "pins", pins._line)  # after a restart
    again.look()
    assert again.counts["unchecked"] == 0


def forged(server: Any, size: int, root: bytes) -> bytes:
    """What a collector that lies can make: it has the key."""
    key = TrailKey.from_secret_text((server.data / "keys" / "audit.key").read_text().strip())
    return sign_note(Checkpoint(key.key.name, size, root).text, [key]).data


def test_a_signed_checkpoint_that_does_not_go_on_from_the_last_one_is_a_divergence(server, pins, tmp_path):
    first = grow(server, 300)
    learned(pins, first)
    old = Checkpoint.from_note(first)[0]
    later = grow(server, 40)
    new = Checkpoint.from_note(later)[0]
    for size_, root in (
        (old.size, b"\1" * 32),  # another tree of the same size
        (old.size - 1, b"\2" * 32),  # less than was signed
        (new.size, b"\3" * 32),  # more, and not of the same beginning
    ):
        with pytest.raises(TamperedError) as caught:
            learned(pins, forged(server, size_, root))
        assert (caught.value.trail, caught.value.exit_code) == ("audit", 1)
        assert "contradicts what it signed before" in caught.value.what
    assert len(list((tmp_path / "pins" / "diverged").iterdir())) == 3
    assert (tmp_path / "pins" / "checkpoints" / "audit").read_bytes() == first
    learned(pins, later)  # the pin was not touched, so the truth still fits


def test_a_checkpoint_by_another_key_or_of_another_log_is_a_divergence(server, pins):
    learned(pins, grow(server, 2))
    name = Checkpoint.from_note(note(server))[0].origin
    stranger = TrailKey(name, b"\7" * 32)
    with pytest.raises(TamperedError):
        learned(pins, sign_note(Checkpoint(name, 9, b"\1" * 32).text, [stranger]).data)
    other = TrailKey("elsewhere.example/audit", b"\7" * 32)
    with pytest.raises(TamperedError):
        learned(pins, sign_note(Checkpoint(other.key.name, 9, b"\1" * 32).text, [other]).data)
    with pytest.raises(TamperedError):
        learned(pins, b"no checkpoint at all")


def test_hashes_that_were_changed_on_the_way_do_not_pass(server, pins, asked):
    learned(pins, grow(server, 10))
    later = grow(server, 10)
    learned(pins, later)
    newest = grow(server, 10)
    count = Checkpoint.from_note(newest)[0].size
    asked.changed[f"/trails/audit/tile/0/000.p/{count}"] = Answer(200, {}, b"\0" * 32 * count)
    with pytest.raises(TamperedError):
        learned(pins, newest)


def test_what_cannot_be_checked_now_is_counted_and_checked_later(server, pins, asked):
    asked.changed["/trails/audit/vkey"] = Answer(503, {}, b"")
    first = grow(server, 2)
    learned(pins, first)
    assert pins.counts == {"checkpoints": 0, "unchecked": 1}
    del asked.changed["/trails/audit/vkey"]
    learned(pins, first)
    assert pins.counts == {"checkpoints": 1, "unchecked": 1}


def test_a_key_that_was_put_there_by_hand_is_the_one_that_counts(server, pins, tmp_path):
    key = TrailKey(Checkpoint.from_note(note(server))[0].origin, b"\7" * 32)
    place = tmp_path / "pins" / "keys" / "audit.vkey"
    place.parent.mkdir(parents=True)
    place.write_text(f"{key.key.text}\n")
    with pytest.raises(TamperedError):
        learned(pins, grow(server, 2))


def test_a_trail_is_followed_to_its_new_key_and_no_divergence_is_cried(server, pins, tmp_path):
    learned(pins, grow(server, 5))
    place = tmp_path / "pins" / "keys" / "audit.vkey"
    first = place.read_text()
    for _ in range(2):
        rotate(server.data, ["audit"], "ann")
        learned(pins, grow(server, 3))
        assert place.read_text() == server.get("/trails/audit/vkey").text
    rotate(server.data, ["audit"], "ann")
    learned(pins, note(server))  # both keys signed it
    learned(pins, grow(server, 3))
    assert place.read_text() == server.get("/trails/audit/vkey").text != first
    assert pins.counts == {"checkpoints": 5, "unchecked": 0}
    far = Pins(tmp_path / "far", pins._line)  # over three hand-overs at once, from the first key
    (tmp_path / "far" / "keys").mkdir(parents=True)
    (tmp_path / "far" / "keys" / "audit.vkey").write_text(first)
    learned(far, note(server))
    assert (tmp_path / "far" / "keys" / "audit.vkey").read_text() == place.read_text()
    assert far.counts == {"checkpoints": 1, "unchecked": 0}


def test_a_key_that_nobody_handed_the_trail_to_is_a_divergence(server, pins, asked):
    learned(pins, grow(server, 2))
    rotate(server.data, ["audit"], "ann")
    later = grow(server, 2)
    for lie in (b"", b"no hand-over", server.get("/trails/access/handovers").content):
        asked.changed["/trails/audit/handovers"] = Answer(200, {}, lie)
        with pytest.raises(TamperedError):
            learned(pins, later)
    asked.changed["/trails/audit/handovers"] = Answer(503, {}, b"")
    learned(pins, later)
    assert pins.counts["unchecked"] == 1
    del asked.changed["/trails/audit/handovers"]
    learned(pins, later)


def test_a_pinned_key_that_signed_more_than_it_handed_over_is_a_divergence(server, pins):
    stolen = (server.data / "keys" / "audit.key").read_text().strip()
    learned(pins, grow(server, 2))
    rotate(server.data, ["audit"], "ann")
    key = TrailKey.from_secret_text(stolen)
    later = grow(server, 9)
    now = Checkpoint.from_note(later)[0]
    place = pins.folder / "checkpoints" / "audit"
    place.write_bytes(sign_note(now.text, [key]).data)  # what a thief showed this client
    with pytest.raises(TamperedError, match="handed over at"):
        learned(pins, grow(server, 2))


def test_the_name_of_a_trail_never_becomes_a_path(server, pins, tmp_path):
    pins.learn([Range("../../evil", ((0, 1),), 1, note(server).decode())], all_of_them=True)
    assert not (tmp_path / "pins").exists()


def test_one_checkpoint_of_each_trail_now_and_then_is_enough(server, tmp_path, asked):
    now = [100.0]
    pins = Pins(tmp_path / "pins", asked, clock=lambda: now[0])
    pins.learn(receipt(grow(server, 2)))
    pins.learn(receipt(grow(server, 2)))
    assert pins.counts["checkpoints"] == 1
    now[0] += 5
    pins.learn(receipt(note(server)))
    assert pins.counts["checkpoints"] == 2
