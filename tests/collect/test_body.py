from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.collect.body import decompressed, pieces
from sealtrail.errors import EventError
from sealtrail.web.answers import BODY_STATUS

LIMIT = 100_000


def status_of(body: bytes, content_type: str = "", encoding: str = "", limit: int = LIMIT) -> int:
    with pytest.raises(EventError) as caught:
        pieces(body, content_type=content_type, content_encoding=encoding, limit=limit)
    return BODY_STATUS[caught.value.code]


def test_lines_keep_their_numbers_and_blank_ones_are_skipped():
    body = b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":2}'
    assert pieces(body, limit=LIMIT) == [(1, b'{"a":1}'), (4, b'{"b":2}')]
    assert pieces(b"", limit=LIMIT) == []


def test_an_array_gives_each_element_as_it_was_written():
    body = b' [ {"a" : 1.0},\n7,{"a":1,"a":2} ]\n'
    assert pieces(body, limit=LIMIT) == [(1, b'{"a" : 1.0}'), (2, b"7"), (3, b'{"a":1,"a":2}')]
    assert pieces(b"[]", content_type="application/json", limit=LIMIT) == []


def test_one_object_over_many_lines_is_one_event_where_json_is_announced():
    body = b'{\n  "a": 1\n}\n'
    assert pieces(body, content_type="application/json; charset=utf-8", limit=LIMIT) == [(1, body.strip())]
    assert len(pieces(body, content_type="application/x-ndjson", limit=LIMIT)) == 3
    assert len(pieces(b'{"a":1}\n{"a":2}\n', content_type="application/json", limit=LIMIT)) == 2


@pytest.mark.parametrize(
    "content_type", ["application/xml", "multipart/form-data", 'application/json; charset="latin1"']
)
def test_a_type_that_is_not_read_is_415(content_type: str):
    assert status_of(b"{}", content_type) == 415


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd"])
def test_a_compression_that_is_not_read_is_415(encoding: str):
    assert status_of(b"{}", encoding=encoding) == 415


@pytest.mark.parametrize("body", [b"[", b"[1,]", b'[{"a":1}] x', b"[" * 5000])
def test_an_array_that_is_none_is_422(body: bytes):
    assert status_of(body) == 422


ZSTD = zstandard.ZstdCompressor()
EMPTY_FRAME = ZSTD.compress(b"")


@pytest.mark.parametrize("encoding", ["gzip", "X-GZIP", "zstd"])
def test_compressed_bodies_are_read_in_all_their_parts(encoding: str):
    squeeze = ZSTD.compress if encoding == "zstd" else gzip.compress
    body = squeeze(b'{"a":1}\n') + squeeze(b"") + squeeze(b'{"b":2}\n')
    assert [piece for _, piece in pieces(body, content_encoding=encoding, limit=LIMIT)] == [
        b'{"a":1}',
        b'{"b":2}',
    ]


@pytest.mark.parametrize(
    ("encoding", "whole"),
    [("gzip", gzip.compress(b"x" * 5000, mtime=0)), ("zstd", ZSTD.compress(bytes(range(256)) * 50))],
)
def test_a_compressed_body_that_is_cut_or_damaged_is_422(encoding: str, whole: bytes):
    for body in (whole[:-1], whole[: len(whole) // 2], whole + b"junk", b"junk", whole[:4]):
        assert status_of(body, encoding=encoding) == 422


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"x" * (LIMIT + 1)),
        ("gzip", gzip.compress(b"\0" * 50_000_000, mtime=0)),
        ("gzip", gzip.compress(b"\0" * (LIMIT - 10)) * 2),
        ("zstd", ZSTD.compress(b"\0" * 50_000_000)),
        ("zstd", ZSTD.compress(b"\0" * (LIMIT - 10)) * 2),
    ],
)
def test_a_bomb_is_413_before_it_goes_off(encoding: str, body: bytes):
    assert status_of(body, encoding=encoding) == 413


def test_a_body_of_very_many_empty_members_is_422():
    # Each member costs a copy of what is left: without a bound this test would run for hours.
    assert status_of(gzip.compress(b"") * 500_000, encoding="gzip", limit=2**24) == 422
    assert status_of(EMPTY_FRAME * 1_000_000, encoding="zstd", limit=2**24) == 422


def test_a_frame_that_asks_for_a_huge_window_is_422():
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    maker = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = maker.compress(b"x" * 1000) + maker.flush()
    assert status_of(body, encoding="zstd") == 422


@given(st.binary(max_size=300), st.sampled_from(["gzip", "zstd"]))
def test_what_is_compressed_comes_back(data: bytes, encoding: str):
    body = zlib.compress(data, wbits=31) if encoding == "gzip" else ZSTD.compress(data)
    assert decompressed(body, encoding, len(data)) == data


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "zstd"]))
def test_any_body_is_pieces_or_a_status(body: bytes, encoding: str):
    try:
        found = pieces(body, content_encoding=encoding, limit=LIMIT)
    except EventError as error:
        assert error.code in BODY_STATUS
    else:
        assert all(piece and number > 0 for number, piece in found)
