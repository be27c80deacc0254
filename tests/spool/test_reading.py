from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.event import canonical
from sealtrail.event.limits import MAX_LINE_BYTES
from sealtrail.spool.layout import segment_name
from sealtrail.spool.reading import CHUNK_BYTES, read_chunk


def line(seq: int, **more: object) -> bytes:
    return canonical(
        {
            "@timestamp": "2026-11-24T08:00:00.000000Z",
            "event.id": f"e-{seq}",
            "sealtrail.kind": "request",
            "event.action": "http.request",
            "sealtrail.schema": 1,
            "sealtrail.emitter": "e",
            "sealtrail.seq": seq,
            **more,
        }
    )


def put(folder: Path, data: bytes) -> Path:
    path = folder / segment_name("e", 0)
    path.write_bytes(data)
    return path


def test_lines_come_with_where_the_next_ones_begin(tmp_path):
    path = put(tmp_path, line(0) + b"\n" + line(1) + b"\n")
    chunk = read_chunk(path, 0)
    assert [raw for raw, _ in chunk.lines] == [line(0), line(1)]
    assert (chunk.end, chunk.refused, chunk.torn) == (path.stat().st_size, [], 0)
    rest = read_chunk(path, len(line(0)) + 1)
    assert [fields["sealtrail.seq"] for _, fields in rest.lines] == [1]
    assert read_chunk(path, rest.end).size == 0


def test_what_is_no_event_is_kept_apart_with_its_place_and_its_reason(tmp_path):
    path = put(tmp_path, b"not an event\n" + line(0) + b'\n{"b":1, "a":2}\n')
    chunk = read_chunk(path, 0)
    assert [raw for raw, _ in chunk.lines] == [line(0)]
    assert [(one.place, one.error.code) for one in chunk.refused] == [
        (f"{path.name}@0", "event.not-json"),
        (f"{path.name}@{14 + len(line(0))}", "event.not-canonical"),
    ]


def test_half_a_line_waits_while_its_writer_lives_and_is_torn_once_it_is_gone(tmp_path):
    path = put(tmp_path, line(0) + b"\n" + line(1)[:50])
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        alive = read_chunk(path, 0)
        assert (alive.end, alive.torn, alive.refused) == (len(line(0)) + 1, 0, [])
    dead = read_chunk(path, alive.end)
    assert (dead.lines, dead.torn, dead.end) == ([], 1, path.stat().st_size)
    assert [(one.raw, one.error.code) for one in dead.refused] == [(line(1)[:50], "event.torn")]


def test_a_line_without_an_end_is_cut_into_pieces_that_are_refused(tmp_path):
    path = put(tmp_path, b"x" * (CHUNK_BYTES + 10) + b"\n" + line(0) + b"\n")
    first = read_chunk(path, 0)
    assert (first.end, len(first.refused)) == (CHUNK_BYTES, 1)
    assert len(first.refused[0].raw) == MAX_LINE_BYTES
    second = read_chunk(path, first.end)
    assert [raw for raw, _ in second.lines] == [line(0)]
    assert len(second.refused) == 1


def test_a_file_that_became_shorter_is_read_from_its_start(tmp_path):
    path = put(tmp_path, line(0) + b"\n")
    chunk = read_chunk(path, 10_000)
    assert [raw for raw, _ in chunk.lines] == [line(0)]
    assert chunk.end == path.stat().st_size


def test_neither_links_nor_pipes_nor_what_is_gone_are_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(line(0) + b"\n")
    link = tmp_path / segment_name("a", 0)
    link.symlink_to(secret)
    pipe = tmp_path / segment_name("b", 0)
    os.mkfifo(pipe)
    assert read_chunk(pipe, 0).size == 0
    assert read_chunk(tmp_path / segment_name("c", 0), 7)[1:] == (0, 7, [], [], 0)
    try:
        assert read_chunk(link, 0).size == 0
    except OSError as error:
        assert error.errno  # refused by the system, as it should be
    else:
        raise AssertionError("a link was followed")


@given(data=st.binary(max_size=400), offset=st.integers(0, 500))
def test_whatever_lies_there_every_byte_is_read_once(data, offset, tmp_path_factory):
    path = put(tmp_path_factory.mktemp("spool"), data)
    chunk = read_chunk(path, offset)
    start = offset if offset <= len(data) else 0
    assert chunk.end == len(data)
    assert chunk.size == len(data) - start
    kept = sum(len(raw) for raw, _ in chunk.lines) + sum(len(one.raw) for one in chunk.refused)
    assert kept == len(data[start:].replace(b"\n", b"")) or chunk.torn
