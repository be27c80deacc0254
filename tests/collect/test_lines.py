from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.lines import CHUNK_BYTES, KEPT_BYTES, RawLine, lines


class Trickle:
    """Gives what it has in pieces of the sizes it is told."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._file = io.BytesIO(data)
        self._sizes = sizes or [1]
        self._turn = 0

    def read(self, size: int) -> bytes:
        self._turn += 1
        return self._file.read(min(size, self._sizes[self._turn % len(self._sizes)]))


def test_lf_and_crlf_end_a_line_and_the_last_may_have_none():
    assert list(lines(io.BytesIO(b"a\nb\r\n\r\n\nc\rd"))) == [
        RawLine(0, b"a", 1),
        RawLine(1, b"b", 1),
        RawLine(2, b"", 0),
        RawLine(3, b"", 0),
        RawLine(4, b"c\rd", 3, is_ended=False),
    ]
    assert list(lines(io.BytesIO(b""))) == []


def test_a_line_at_the_limit_is_whole_and_one_beyond_is_not():
    found = list(lines(io.BytesIO(b"x" * 10 + b"\r\n" + b"x" * 11 + b"\n"), limit=10))
    assert [(line.is_whole, line.size) for line in found] == [(True, 10), (False, 11)]
    long = b"y" * (3 * CHUNK_BYTES + 5)
    first, second = lines(io.BytesIO(long + b"\nz\n"))
    assert (first.is_whole, first.size, first.data) == (False, len(long), b"y" * KEPT_BYTES)
    assert second == RawLine(1, b"z", 1, is_ended=True)


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 30), max_size=4))
def test_lines_do_not_depend_on_how_the_stream_is_cut(parts: list[bytes], sizes: list[int]):
    data = b"\n".join(parts)
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    got = list(lines(Trickle(data, sizes)))
    assert [line.data for line in got] == [part.removesuffix(b"\r") for part in expected]
    assert [line.number for line in got] == list(range(len(expected)))


@given(st.binary(max_size=200), st.lists(st.integers(1, 30), max_size=4))
def test_sizes_add_up_whatever_is_too_long(data: bytes, sizes: list[int]):
    got = list(lines(Trickle(data, sizes), limit=8))
    again = list(lines(io.BytesIO(data), limit=8))
    assert got == again
