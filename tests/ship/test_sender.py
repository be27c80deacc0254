from __future__ import annotations

import gzip
import threading

import msgspec
import pytest
import zstandard

from sealtrail.errors import AccessError, UsageError
from sealtrail.ship import sender as module
from sealtrail.ship.line import Line
from sealtrail.ship.sender import Sender, StoppedError
from sealtrail.web.remote import remote

LINES = [b'{"n":%d}' % n for n in range(4)]


def taken(count: int, *rejected: int) -> bytes:
    lines = [{"line": n, "path": "$", "code": "event.type", "error": "no"} for n in rejected]
    said = {
        "accepted": count - len(lines),
        "duplicates": 0,
        "conflicts": 0,
        "rejected": lines,
        "receipts": [],
    }
    return msgspec.json.encode(said)


def refusal(code: str) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "message": "no", "hint": ""}})


class Waits(threading.Event):
    """An event whose waits are noted, and over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def sending(door, ship, waits):
    lines: list[Line] = []

    def made(*answers: bytes, **options):
        there = door(*answers)
        lines.append(Line(remote(there.url, ship.KEY), ship.KEY))
        options.setdefault("dice", lambda _, most: most)
        return Sender(lines[-1], waits, **options), there

    yield made
    for line in lines:
        line.close()


def body(asked: bytes) -> list[bytes]:
    head, _, data = asked.partition(b"\r\n\r\n")
    if b"Content-Encoding: zstd" in head:
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    elif b"Content-Encoding: gzip" in head:
        data = gzip.decompress(data)
    return data.splitlines()


def test_a_batch_is_packed_and_every_line_of_it_accounted_for(sending, ship):
    sender, there = sending(ship.answer(200, taken(4, 2)))
    done = sender.deliver(LINES)
    assert (done.accepted, [(place, why.code) for place, why in done.refused]) == (3, [(1, "event.type")])
    assert b"Content-Encoding: zstd" in there.asked[0]
    assert body(there.asked[0]) == LINES


def test_what_the_collector_cannot_unpack_is_packed_another_way(sending, ship):
    refused = ship.answer(415, refusal("body.media-type"))
    sender, there = sending(refused, refused, ship.answer(200, taken(4)), ship.answer(200, taken(4)))
    assert sender.deliver(LINES).accepted == 4
    assert sender.deliver(LINES).accepted == 4
    codings = [b"zstd" in one.partition(b"\r\n\r\n")[0] for one in there.asked]
    assert codings == [True, False, False, False]
    assert [body(one) for one in there.asked[1:]] == [LINES] * 3


def test_a_batch_that_is_too_large_is_halved_until_it_fits(sending, ship):
    large = ship.answer(413, refusal("body.too-large"))
    sender, there = sending(
        large, large, ship.answer(200, taken(1)), ship.answer(200, taken(1)), ship.answer(200, taken(2))
    )
    assert sender.deliver(LINES).accepted == 4
    assert [body(one) for one in there.asked] == [LINES, LINES[:2], LINES[:1], LINES[1:2], LINES[2:]]


@pytest.mark.parametrize(("status", "code"), [(413, "body.too-large"), (422, "body.unreadable")])
def test_one_line_that_is_refused_as_a_whole_is_given_up_and_the_others_are_not(sending, ship, status, code):
    bad = ship.answer(status, refusal(code))
    sender, _ = sending(bad, ship.answer(200, taken(1)), bad)
    done = sender.deliver(LINES[:2])
    assert (done.accepted, [(place, why.code) for place, why in done.refused]) == (1, [(1, code)])


def test_failures_are_waited_out_longer_each_time_and_as_long_as_is_asked_for(sending, ship, waits):
    busy = ship.answer(503, b"", "Connection: close")
    asked = ship.answer(429, refusal("busy.queue"), "Retry-After: 9")
    cut = b"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\nCUT"
    told: list[str] = []
    sender, _ = sending(busy, b"", cut, asked, ship.answer(200, taken(4)), told=told.append)
    assert sender.deliver(LINES).accepted == 4
    assert waits.seconds == [0.5, 1.0, 2.0, 9 + 4.0]
    assert told[-1] == ""
    assert len(told) == 5
    assert sender.counts["retries"] == 4


def test_a_pause_has_jitter_and_a_bound(sending, ship, waits):
    drawn: list[tuple[float, float]] = []
    busy = [ship.answer(503)] * 12

    def dice(least: float, most: float) -> float:
        drawn.append((least, most))
        return least

    sender, _ = sending(*busy, ship.answer(200, taken(4)), dice=dice)
    sender.deliver(LINES)
    assert drawn[-1] == (module.MOST_SECONDS / 2, module.MOST_SECONDS)


def test_a_key_that_was_never_let_in_ends_it_and_one_that_was_is_waited_for(sending, ship, waits):
    denied = ship.answer(403, refusal("access.denied"))
    sender, _ = sending(denied)
    with pytest.raises(AccessError):
        sender.deliver(LINES)
    assert waits.seconds == []
    sender, _ = sending(ship.answer(200, taken(4)), denied, ship.answer(200, taken(4)))
    sender.deliver(LINES)
    assert sender.deliver(LINES).accepted == 4
    assert waits.seconds[0] >= module.DENIED_SECONDS


def test_a_stop_is_not_kept_waiting_by_a_collector_that_does_not_take(sending, ship, waits):
    waits.set()
    sender, _ = sending(ship.answer(503))
    with pytest.raises(StoppedError):
        sender.deliver(LINES)


def test_who_asks_to_give_up_gets_the_reason(ship, waits):
    line = Line(remote("http://127.0.0.1:1", ship.KEY), ship.KEY)
    with pytest.raises(UsageError) as caught:
        Sender(line, waits, give_up=1e-9).deliver(LINES)
    assert caught.value.code == "remote.unreachable"


def test_many_lines_go_in_requests_of_a_bounded_size(sending, ship, monkeypatch):
    monkeypatch.setattr(module, "BATCH_LINES", 3)
    sender, there = sending(ship.answer(200, taken(3)), ship.answer(200, taken(1)))
    assert sender.deliver(LINES).accepted == 4
    assert [len(body(one)) for one in there.asked] == [3, 1]
