from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.content import Stream
from sealtrail.collect.fingerprint import HEAD_BYTES, MarkedStream, Marker, recognise

HEADER = b"# the same header in every file\n" * 40
assert len(HEADER) > HEAD_BYTES


def seen(folder: Path, data: bytes, *, upto: int | None = None) -> str:
    """What an import does: recognise, read through, and remember; `upto` is where it is killed."""

    @contextmanager
    def opened() -> Iterator[Stream]:
        yield io.BytesIO(data)

    known = recognise(folder, opened)
    marker = Marker(folder, known)
    stream = MarkedStream(io.BytesIO(data[:upto]), marker)
    while stream.read(700):
        pass
    if upto is None:
        marker.end()
    return known.emitter


def test_the_same_content_is_the_same_file(tmp_path: Path):
    assert seen(tmp_path, HEADER + b"a") == seen(tmp_path, HEADER + b"a")
    assert seen(tmp_path, HEADER + b"a").endswith("-0")


def test_a_large_file_has_the_same_identity_where_nothing_is_remembered(tmp_path: Path):
    assert seen(tmp_path / "one", HEADER) == seen(tmp_path / "two", HEADER + b"more")


@pytest.mark.parametrize("first", [1, 60, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 10 * HEAD_BYTES])
def test_a_file_that_grows_keeps_its_identity(tmp_path: Path, first: int):
    data = bytes(range(256)) * 100
    names = {seen(tmp_path, data[:size]) for size in (first, first + 1, 2 * first + 500, len(data))}
    assert len(names) == 1


def test_files_that_begin_alike_and_go_on_differently_are_different(tmp_path: Path):
    a, b, c = (seen(tmp_path, HEADER + end * 2000) for end in (b"a", b"b", b"c"))
    assert [name.rpartition("-")[2] for name in (a, b, c)] == ["0", "1", "2"]
    assert seen(tmp_path, HEADER + b"b" * 2000) == b
    assert seen(tmp_path, HEADER + b"a" * 2500) == a
    assert seen(tmp_path, HEADER + b"c" * 2000) == c


def test_small_files_that_differ_are_different(tmp_path: Path):
    assert seen(tmp_path, b"one\n") != seen(tmp_path, b"two\n")
    grown = seen(tmp_path, b"one\nand more\n")
    assert grown == seen(tmp_path, b"one\n")
    other = seen(tmp_path, b"one\nbut not that\n")
    assert other != grown
    assert seen(tmp_path, b"one\nbut not that\nand on\n") == other


def test_an_older_shorter_copy_is_the_same_file(tmp_path: Path):
    data = HEADER + bytes(range(256)) * 50
    name = seen(tmp_path, data)
    assert seen(tmp_path, data[:5000]) == name
    assert seen(tmp_path, data) == name


def test_an_import_that_was_killed_goes_on_under_the_same_identity(tmp_path: Path):
    first = HEADER + b"a" * 5000
    second = HEADER + b"b" * 5000
    name = seen(tmp_path, first, upto=100)
    assert seen(tmp_path, first) == name
    other = seen(tmp_path, second, upto=3000)
    assert other != name
    assert seen(tmp_path, second) == other
    assert seen(tmp_path, first) == name


def test_a_broken_memory_costs_the_marks_and_not_the_identity(tmp_path: Path):
    name = seen(tmp_path, HEADER + b"a")
    (path,) = tmp_path.iterdir()
    path.write_text("{")
    assert seen(tmp_path, HEADER + b"a") == name


def test_what_is_remembered_of_a_file_is_small(tmp_path: Path):
    for size in range(2000, 40_000, 1000):
        seen(tmp_path, bytes(1) * size)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size < 1000


@given(st.binary(min_size=1, max_size=3000), st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_growth_in_any_steps_never_changes_the_identity(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, sizes: list[int]
):
    folder = tmp_path_factory.mktemp("seen")
    assert len({seen(folder, data[:size]) for size in sorted(sizes)}) == 1
