import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.capture.watching.bodies import (
    MAX_COUNTED,
    MAX_HELD,
    Body,
    Form,
    Json,
    Lines,
    Parts,
    body_of,
    is_encoded,
)
from sealtrail.capture.watching.field_names import MAX_NAMES, Names


def names(body: Body) -> tuple[str, ...]:
    found = Names()
    body.name(found)
    return found.told()


def fed(body: Body, data: bytes, *cuts: int) -> Body:
    places = [0, *sorted(cuts), len(data)]
    for first, end in itertools.pairwise(places):
        body.feed(data[first:end])
    return body


@pytest.mark.parametrize(
    ("mime", "kind"),
    [
        ("application/json", Json),
        ("Application/Problem+JSON; charset=utf-8", Json),
        ("application/x-ndjson", Lines),
        ("application/x-www-form-urlencoded", Form),
        ("multipart/form-data; boundary=abc", Parts),
        ('multipart/form-data; boundary="a b"', Parts),
        ("multipart/form-data", None),
        (f"multipart/form-data; boundary={'x' * 300}", None),
        ("text/html", None),
        ("", None),
    ],
)
def test_only_what_says_that_it_has_fields_is_looked_at(mime, kind):
    body = body_of(mime)
    assert type(body) is (kind or type(None))


def test_gzip_stands_before_a_body_and_identity_does_not():
    assert [is_encoded(one) for one in ("gzip", "br, gzip", " Identity", "")] == [True, True, False, False]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5000), max_size=5), st.booleans())
def test_a_document_says_the_same_however_it_is_cut(cuts, big):
    rows = [{"id": n, "customer": {"name": "x" * 20}} for n in range(3000 if big else 30)]
    data = json.dumps({"rows": rows}).encode()
    assert (len(data) > MAX_HELD) is big
    body = fed(Json(), data, *cuts)
    assert names(body) == ("rows", "rows.id", "rows.customer", "rows.customer.name")
    assert body.count() == len(rows)


def test_of_a_long_document_little_is_held_and_its_records_are_counted_to_a_bound():
    body = Json()
    body.feed(b"[0")
    part = b',{"a":"bbbbbbbbbbbbbbbb"}' * 4000
    for _ in range(60):
        body.feed(part)
    assert sum(map(len, body._held)) <= MAX_HELD
    assert body.is_uncounted
    assert MAX_COUNTED // 26 <= body.count() < 60 * 4000
    assert names(body) == ("a",)


def test_a_buffer_that_is_used_again_does_not_change_what_was_seen():
    body, buffer = Json(), bytearray(b'{"first":1')
    body.feed(buffer)
    buffer[:] = b"xxxxxxxxxx"
    body.feed(memoryview(b"}"))
    assert names(body) == ("first",)


def test_a_document_that_broke_off_has_the_names_so_far_and_a_whole_one_that_is_none_has_not():
    body = fed(Json(), b'{"a": 1, "b": ')
    found = Names()
    assert body.name(found)
    assert (found.told(), found.is_cut) == (("a", "b"), True)
    body.is_over = True
    assert not body.name(Names())


@pytest.mark.parametrize("ends", [True, False])
def test_each_line_of_documents_is_a_record(ends):
    data = b'{"id": 1}\n{"id": 2, "owner": {"name": "x"}}\n' + b'{"id": 3}' + (b"\n" if ends else b"")
    for cuts in ((), (5, 10, 11), range(len(data))):
        body = fed(Lines(), data, *cuts)
        assert names(body) == ("id", "owner", "owner.name")
        assert body.count() == 3


def test_lines_without_end_are_counted_to_a_bound():
    body = Lines()
    for _ in range(100):
        body.feed(b'{"id": 1}\n' * 6000)
    assert sum(map(len, body._held)) <= MAX_HELD
    assert body.is_uncounted
    assert MAX_COUNTED // 11 <= body.count() < 600_000


def test_a_form_longer_than_what_is_held_loses_the_name_that_is_cut():
    body = fed(Form(), b"a=" + b"x" * MAX_HELD + b"&bcd=1")
    found = Names()
    body.name(found)
    assert found.is_cut
    assert "bcd" not in found.told()


FIELDS = [
    *(("name", b"alice"), ("user[role]", b"\r\n--other\r\n")),
    *(("plain", b""), ("file", b"\x00\r\n--B" * 40)),
]


def multipart(fields) -> bytes:
    parts = b"".join(
        b'--BOUND\r\nContent-Disposition: form-data; name="%b"; filename="n=1.txt"\r\nX: y\r\n\r\n%b\r\n'
        % (name.encode(), value)
        for name, value in fields
    )
    return parts + b"--BOUND--\r\n"


@settings(deadline=None, max_examples=60)
@given(st.permutations(FIELDS), st.lists(st.integers(0, 700), max_size=8))
def test_the_names_of_the_parts_of_a_form_are_found_however_it_is_cut(fields, cuts):
    expected = names(fed(Parts(b"BOUND"), multipart(fields)))
    assert set(expected) == {"name", "user", "user.role", "plain", "file"}
    assert names(fed(Parts(b"BOUND"), multipart(fields), *cuts)) == expected


def test_parts_without_end_and_heads_without_end_are_bounded():
    body = fed(Parts(b"BOUND"), multipart([(f"f{chr(97 + n % 26)}{n // 26}", b"x") for n in range(500)]))
    assert len(names(body)) == MAX_NAMES
    endless = Parts(b"BOUND")
    for part in (b"--BOUND\r\n", *[b"X: y\r\n" * 1000] * 20, b"\r\n--BOUND\r\n", multipart([("late", b"x")])):
        endless.feed(part)
    assert len(endless._before) < 8192
    assert names(endless) == ("late",)


def test_a_name_stands_in_the_line_of_its_disposition():
    head = b'Content-Type: text/plain; name="no"\r\nContent-Disposition: form-data; filename="f;x"; NAME=b'
    assert names(fed(Parts(b"B"), b"--B\r\n" + head + b"\r\n\r\nx\r\n--B--")) == ("b",)
    other = b'Content-Disposition: form-data\r\nX: ; name="no"'
    assert names(fed(Parts(b"B"), b"--B\r\n" + other + b"\r\n\r\nx\r\n--B--")) == ()


def test_of_parts_without_end_only_so_many_are_looked_at():
    body, found = Parts(b"B"), Names()
    after = b'\r\nContent-Disposition: form-data; name="late"\r\n\r\n'
    fed(body, b"\r\n--B\r\n" * 2000 + b"\r\n--B" + after)
    body.name(found)
    assert (found.told(), found.is_cut) == ((), True)


def test_of_lines_that_are_no_documents_only_so_many_are_looked_at():
    line = b'{"late":1}\n'
    assert names(fed(Lines(), b"{\n" * 200 + line)) == ("late",)
    assert names(fed(Lines(), b"{\n" * 2000 + line)) == ()
