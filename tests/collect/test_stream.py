from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.collect.stream import MAX_OPEN, Imported, Joined, import_stream, marked, unwrapped
from sealtrail.event import Fields, Receipt
from sealtrail.event.codec import encode
from sealtrail.spool.layout import MARK


def event(seq: int, **more: Any) -> bytes:
    fields = {
        "@timestamp": "2026-11-24T08:00:00.000000Z",
        "event.id": f"0193a1b2-0000-7000-8000-{seq:012d}",
        "sealtrail.kind": "audit",
        "event.action": "a.b",
        **more,
        "service.name": "shop",
        "sealtrail.emitter": "e1",
        "sealtrail.seq": seq,
    }
    return encode(fields)


def ours(seq: int, **more: Any) -> bytes:
    return MARK + event(seq, **more)[1:]


class Ledger:
    """Stores each identity once."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, int], Fields] = {}
        self.batches: list[int] = []

    def submit(self, source: str, lines: list[tuple[bytes, Fields]]) -> Receipt:
        new = 0
        for _, fields in lines:
            key = (source, fields["sealtrail.emitter"], fields["sealtrail.seq"])
            new += key not in self.known
            self.known.setdefault(key, fields)
        self.batches.append(len(lines))
        return Receipt(new, len(lines) - new, 0, ())

    @property
    def numbers(self) -> list[int]:
        return sorted(seq for _, _, seq in self.known)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def take(ledger: Ledger, tmp_path: Path):
    def take(*lines: bytes, end: bytes = b"\n") -> Imported:
        (tmp_path / "stream").write_bytes(b"\n".join(lines) + end)
        descriptor = os.open(tmp_path / "stream", os.O_RDONLY)
        try:
            return import_stream(descriptor, ledger.submit, state=tmp_path / "state")
        finally:
            os.close(descriptor)

    return take


def test_ours_are_taken_from_among_others_and_a_second_time_nothing_is_stored(take, ledger):
    lines = (b"starting", ours(0), b"", b'{"level":"info"}', ours(1), b"Traceback (most recent call last):")
    first = take(*lines)
    assert (first.read, first.stored, first.others, first.rejected) == (2, 2, 3, 0)
    again = take(b"later", *lines[3:], ours(2))
    assert (again.read, again.stored, again.duplicates) == (2, 1, 1)
    assert ledger.numbers == [0, 1, 2]
    assert {fields["sealtrail.import"] for fields in ledger.known.values()} == {True}


@pytest.mark.parametrize(
    "around",
    [
        b"%b",
        b"2026-11-24T08:00:00.123456789Z stdout F %b",
        b"2026-11-24T09:00:00.123456789+01:00 stdout F:more %b",
        b"[pod/shop-7d4b/app] %b",
        b"2026-11-24T08:00:00.123456789Z %b",
        b"shop-1  | %b",
        b"Nov 24 08:00:00 host shop[17]: %b",
        b"a line of the application without its end%b",
        b"%b\r",
    ],
)
def test_what_runtimes_put_around_a_line_is_left_off(take, ledger, around):
    text = 'quotes " and \\ and \u00e9 and a \u2028 separator'
    assert take(around % ours(7, **{"event.reason": text})).stored == 1
    ((key, fields),) = ledger.known.items()
    assert key == ("import", "e1", 7)
    assert fields["event.reason"] == text


def docker(data: bytes, stream: str = "stdout") -> bytes:
    return (
        json.dumps({"log": data.decode(), "stream": stream, "time": "2026-11-24T08:00:00Z"})
        .replace('": "', '":"')
        .encode()
    )


def cri(data: bytes, tag: bytes = b"F", stream: bytes = b"stdout") -> bytes:
    return b"2026-11-24T08:00:00.123456789Z %b %b %b" % (stream, tag, data)


def test_long_lines_in_pieces_are_put_together_while_the_other_stream_goes_on(take, ledger):
    long = ours(1, **{"sealtrail.details": {"parts": ["x" * 1000] * 40}})
    parts = [long[at : at + 16_384] for at in range(0, len(long), 16_384)]
    assert len(parts) == 3
    told = take(
        cri(parts[0], b"P"),
        cri(b"trouble", stream=b"stderr"),
        cri(parts[1], b"P"),
        cri(b"more, ", b"P", b"stderr"),
        cri(parts[2]),
        cri(b"trouble", stream=b"stderr"),
    )
    assert (told.stored, told.others, told.rejected) == (1, 2, 0)
    long = ours(2, **{"sealtrail.details": {"parts": ["y" * 1000] * 40}})
    told = take(docker(long[:16_384]), docker(b"trouble\n", "stderr"), docker(long[16_384:] + b"\n"))
    assert (told.stored, told.others) == (1, 1)
    assert {len(fields["sealtrail.details"]["parts"]) for fields in ledger.known.values()} == {40}


def test_what_was_broken_off_is_refused_and_what_stands_behind_it_is_not(take, ledger):
    told = take(ours(0)[:60] + ours(1), ours(2)[:80], ours(3), cri(ours(4), b"P"), end=b"")
    assert (told.read, told.stored, told.rejected) == (5, 3, 2)
    assert ledger.numbers == [1, 3, 4]
    kept = [json.loads(line) for line in Path(told.rejects).read_text().splitlines()]
    assert [record["place"] for record in kept] == ["line 1", "line 2"]


@pytest.mark.parametrize("name", ["sealtrail.emitter", "sealtrail.seq"])
def test_without_an_identity_an_event_is_refused_for_it_would_be_stored_twice(take, name):
    fields = json.loads(event(0))
    del fields[name]
    told = take(MARK + encode(fields)[1:])
    assert (told.stored, told.rejected) == (0, 1)
    assert name in Path(told.rejects).read_text()


@pytest.mark.parametrize(
    "more",
    [{"sealtrail.kind": "alert"}, {"sealtrail.kind": "system"}, {"event.action": "sealtrail.block"}],
)
def test_what_only_the_collector_may_say_is_refused(take, more):
    fields = {**json.loads(event(0)), **more}
    assert take(MARK + encode(fields)[1:]).rejected == 1


def test_an_event_that_is_too_long_is_refused(take):
    told = take(MARK + b'"event.reason":"' + b"x" * 70_000 + b'"}', ours(1))
    assert (told.stored, told.rejected) == (1, 1)


def test_who_follows_a_log_has_what_is_there_before_its_end(ledger, tmp_path):
    read, write = os.pipe()
    done: list[Imported] = []
    arrived = threading.Event()

    def submit(source: str, lines: list[tuple[bytes, Fields]]) -> Receipt:
        receipt = ledger.submit(source, lines)
        arrived.set()
        return receipt

    thread = threading.Thread(
        target=lambda: done.append(import_stream(read, submit, state=tmp_path / "state"))
    )
    thread.start()
    os.write(write, ours(0) + b"\n" + ours(1)[:50])
    assert arrived.wait(20)
    assert ledger.numbers == [0]
    os.write(write, ours(1)[50:] + b"\n")
    os.close(write)
    thread.join()
    os.close(read)
    assert ledger.numbers == [0, 1]
    assert done[0].read == 2


def test_pieces_that_never_end_are_held_within_bounds():
    joined = Joined()
    for number in range(10 * MAX_OPEN):
        joined.add(docker(b"x" * 1000, f"stream {number}"))
    assert len(joined.rest()) <= MAX_OPEN
    endless = Joined()
    held = [endless.add(cri(b"x" * 60_000, b"P")) for _ in range(20)]
    assert any(held)
    assert sum(map(len, endless.rest())) < 400_000


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_no_line_breaks_it(raw):
    assert unwrapped(raw).data is not None
    joined = Joined()
    joined.add(raw)
    assert all(text.startswith(b"{") for text in marked(raw))


def test_a_mark_that_a_client_puts_into_an_event_does_not_hide_the_event(take, ledger):
    nested = {"sealtrail.stream": 1, "z": {"sealtrail.stream": 1, "z": 2}}
    torn = ours(0)[:60]
    done = take(torn + ours(1, **{"sealtrail.details": nested}), ours(2))
    assert (done.rejected, ledger.numbers) == (1, [1, 2])
    (details,) = [event["sealtrail.details"] for (*_, seq), event in ledger.known.items() if seq == 1]
    assert details == nested


def test_marks_without_end_are_told_apart_in_one_pass():
    assert len(marked(MARK * 11_000)) == 11_000


@pytest.mark.parametrize("log", [b'{"log":"\xff","stream":"a"}', b'{"log":"a","x":' + b"[" * 100_000])
def test_what_only_looks_like_a_line_of_docker_stops_nothing(take, ledger, log):
    assert take(log, ours(0)).others == 1
    assert ledger.numbers == [0]
