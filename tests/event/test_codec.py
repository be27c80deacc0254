"""Bytes to fields and back, by example: what is written, and what is refused with which code."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from sealtrail.errors import EventError
from sealtrail.event import codec
from sealtrail.event.codec import canonical, decode, encode, flatten, is_canonical, ordered, read
from sealtrail.event.limits import MAX_DEPTH, MAX_INTEGER, MAX_LINE_BYTES

GOLDEN = {
    "request": (
        b'{"@timestamp":"2026-11-24T08:00:00.123456Z","event.id":"019ab1f2-0000-7000-8000-000000000001",'
        b'"sealtrail.kind":"request","event.category":["web","api"],"event.action":"http.request",'
        b'"http.request.method":"GET","url.path":"/invoices/17","http.response.status_code":200,'
        b'"sealtrail.emitter":"shop-1f","sealtrail.seq":7}'
    ),
    "authentication": (
        b'{"@timestamp":"2026-11-24T08:00:00.123456Z","event.id":"019ab1f2-0000-7000-8000-000000000001",'
        b'"sealtrail.kind":"authentication","event.category":["authentication"],'
        b'"event.action":"authn_login_fail","event.outcome":"failure","event.reason":"bad_password",'
        b'"sealtrail.emitter":"shop-1f","sealtrail.seq":7}'
    ),
    "audit": (
        b'{"@timestamp":"2026-11-24T08:00:00.123456Z","event.id":"019ab1f2-0000-7000-8000-000000000001",'
        b'"sealtrail.kind":"audit","event.category":["iam"],"event.action":"user.role.update",'
        b'"sealtrail.target.id":"42","sealtrail.change":[{"path":"role","old":"viewer","new":"admin"}],'
        b'"sealtrail.emitter":"shop-1f","sealtrail.seq":7}'
    ),
    "alert": (
        b'{"@timestamp":"2026-11-24T08:00:00.123456Z","event.id":"019ab1f2-0000-7000-8000-000000000001",'
        b'"sealtrail.kind":"alert","event.kind":"alert","event.action":"sealtrail.alert",'
        b'"rule.id":"brute-force","sealtrail.emitter":"shop-1f","sealtrail.seq":7}'
    ),
    "system": (
        b'{"@timestamp":"2026-11-24T08:00:00.123456Z","event.id":"019ab1f2-0000-7000-8000-000000000001",'
        b'"sealtrail.kind":"system","event.action":"sealtrail.head","sealtrail.head.trail":"access",'
        b'"sealtrail.head.size":12,"sealtrail.head.root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",'
        b'"sealtrail.emitter":"shop-1f","sealtrail.seq":7}'
    ),
}


def refusal(line: bytes) -> EventError:
    with pytest.raises(EventError) as caught:
        decode(line)
    return caught.value


@pytest.mark.parametrize("kind", GOLDEN)
def test_the_bytes_of_each_kind_are_written_in_stone(kind, events):
    assert canonical(events[kind]) == GOLDEN[kind]
    assert decode(GOLDEN[kind]) == events[kind]


def test_the_collectors_two_keys_come_last_whatever_else_is_there():
    fields = {"sealtrail.source": "s", "zz": 1, "event.ingested": "t", "sealtrail.seq": 1, "aa": 2}
    assert list(ordered(fields)) == ["sealtrail.seq", "aa", "zz", "event.ingested", "sealtrail.source"]


def test_characters_that_hide_or_break_a_line_are_escaped():
    hidden = ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\ufeff"]
    line = encode({character: character for character in hidden})
    for character in hidden:
        assert character.encode() not in line
        assert line.count(f"\\u{ord(character):04x}".encode()) == 2
    assert decode(line) == {character: character for character in hidden}


def test_an_escape_after_a_backslash_is_still_an_escape():
    value = {"a": "\\\u2028", "b": "\\\\u2028"}
    assert decode(encode(value)) == value


def test_letters_of_other_scripts_are_left_as_they_are():
    assert encode({"name": "Zoë 日本 😀"}) == '{"name":"Zoë 日本 😀"}'.encode()


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":null,"b":null}]}',
        b'{"a":{"x":[{"b":1}]},"a":0}',
    ],
)
def test_a_key_given_twice_is_refused_wherever_it_stands(line):
    assert refusal(line).code == "event.duplicate-key"


def test_the_inner_key_given_twice_is_refused_also_where_the_outer_one_is_replaced():
    assert refusal(b'{"a":{"b":1,"b":2},"c":3,"a":0}').code == "event.duplicate-key"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b'{"a":1} {"b":2}',
        b'{"a":01}',
        b'{"a":\x01}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_one_json_object_is_refused(line):
    assert refusal(line).code == "event.not-json"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b'{"a":"\xff"}', 6),
        (b'{"a":"\xed\xa0\x80"}', 6),
        (b'{"\xc3":1}', 2),
        (b'{"a":"\xc0\xaf"}', 6),
        (b'{"a":["x","\xf5"]}', 11),
    ],
)
def test_a_line_that_is_not_utf8_is_refused_with_the_byte_at_fault(line, place):
    error = refusal(line)
    assert error.code == "event.not-utf8"
    assert error.what.startswith(f"byte {place} ")


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00\\ud800", b"x\\udfff"])
def test_an_escaped_lone_surrogate_is_refused(escape):
    assert refusal(b'{"a":"' + escape + b'"}').code == "event.not-json"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_json_cannot_hold_are_refused(number):
    assert refusal(b'{"a":' + number + b"}").code in {"event.not-json", "event.number"}


def test_integers_are_taken_up_to_the_limit_and_refused_beyond_it():
    assert decode(b'{"a":%d,"b":-%d}' % (MAX_INTEGER, MAX_INTEGER)) == {"a": MAX_INTEGER, "b": -MAX_INTEGER}
    assert refusal(b'{"a":%d}' % (MAX_INTEGER + 1)).code == "event.number"
    assert refusal(b'{"a":-%d}' % (MAX_INTEGER + 1)).code == "event.number"
    assert refusal(b'{"a":1' + b"0" * 5000 + b"}").code in {"event.number", "event.not-json"}


def test_the_refusal_of_a_number_says_where_it_stands():
    error = refusal(b'{"x":{"list":[1,{"deep":9007199254740993}]}}')
    assert error.path == "$.x.list[1].deep"
    assert error.hint == "Send it as text."


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 990, 30_000])
@pytest.mark.parametrize(("left", "right", "inner"), [(b"[", b"]", b""), (b'{"a":', b"}", b"1")])
def test_deep_nesting_is_refused_and_never_ends_the_process(depth, left, right, inner):
    room = (MAX_LINE_BYTES - 20) // (len(left) + len(right))
    depth = min(depth, room)
    line = b'{"a":' + left * depth + inner + right * depth + b"}"
    assert refusal(line).code == "event.too-deep"
    assert refusal(b'{"b":' + line + b',"b":1}').code in {"event.too-deep", "event.duplicate-key"}


def test_the_deepest_nesting_that_is_allowed_is_taken():
    line = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert canonical(decode(line)) == line


def test_deep_nesting_is_refused_also_near_the_end_of_the_stack():
    line = b'{"a":' + b"[" * 400 + b"]" * 400 + b"}"

    def at(depth: int) -> str:
        return at(depth - 1) if depth else refusal(line).code

    assert at(sys.getrecursionlimit() // 2) == "event.too-deep"


def test_a_line_is_taken_up_to_the_limit_and_refused_beyond_it():
    whole = b'{"a":"' + b"x" * (MAX_LINE_BYTES - 8) + b'"}'
    assert len(whole) == MAX_LINE_BYTES
    assert canonical(decode(whole)) == whole
    assert refusal(whole[:-2] + b'x"}').code == "event.too-long"


def test_a_line_that_escaping_makes_too_long_is_refused_before_it_reaches_the_ledger():
    line = b'{"a":"' + b"\x7f" * 20_000 + b'"}'
    fields = decode(line)
    with pytest.raises(EventError) as caught:
        canonical(fields)
    assert caught.value.code == "event.too-long"


def test_a_foreign_key_reaches_a_message_cut_and_without_control_characters():
    key = "\x1b[2J\u202e" + "k" * 10_000
    error = refusal(encode({key: 2**60}))
    assert len(error.path) < 200
    assert error.path.isprintable()
    twice = encode({key: 1})[:-1] + b"," + encode({key: 2})[1:]
    assert len(str(refusal(twice))) < 400
    assert str(refusal(twice)).isprintable()


def test_a_long_key_above_a_long_list_is_not_copied_for_each_item():
    line = b'{"' + b"k" * 30_000 + b'":[' + b"0," * 17_000 + b"0]}"
    tracemalloc.start()
    decode(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_what_is_remembered_of_key_orders_is_bounded(monkeypatch):
    seen: set[tuple[str, ...]] = set()
    monkeypatch.setattr(codec, "_seen_orders", seen)
    for number in range(codec._MAX_ORDERS + 100):
        line = b'{"key%06d":1}' % number
        assert is_canonical(line, decode(line))
    assert len(seen) == codec._MAX_ORDERS
    seen.clear()
    wide = canonical({f"k{n}": 0 for n in range(4000)})
    assert is_canonical(wide, decode(wide))
    assert not seen


def test_a_line_with_white_space_or_needless_escapes_is_read_but_is_not_canonical():
    for line in (
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":"\\u0041"}',
        b'{"a":1.50}',
        b'{"a":1E2}',
        b'{"b":1,"a":2}',
    ):
        assert not is_canonical(line, decode(line))
        again = canonical(decode(line))
        assert is_canonical(again, decode(again))


def test_nested_ecs_objects_become_dotted_names():
    nested = {
        "event": {"id": "1", "category": ["web"]},
        "http": {"response": {"status_code": 200}},
        "tags": [],
    }
    assert flatten(nested) == {
        "event.id": "1",
        "event.category": ["web"],
        "http.response.status_code": 200,
        "tags": [],
    }


def test_fields_that_hold_json_are_kept_whole():
    nested = {"sealtrail": {"details": {"a": {"b": 1}}, "alert": {"key": {"client.ip": "x"}}}, "empty": {}}
    assert flatten(nested) == {
        "sealtrail.details": {"a": {"b": 1}},
        "sealtrail.alert.key": {"client.ip": "x"},
        "empty": {},
    }


def test_dots_and_nesting_that_name_one_field_twice_are_refused():
    with pytest.raises(EventError) as caught:
        flatten({"event.id": "1", "event": {"id": "2"}})
    assert (caught.value.code, caught.value.path) == ("event.duplicate-key", "$.event.id")


def test_an_entry_is_read_without_asking_again_whether_it_may_be():
    assert read(b'{"a":1}') == {"a": 1}
    for broken in (b'{"a":', b"[]", b'{"a":"\xff"}', b"[" * 50_000):
        with pytest.raises(EventError):
            read(broken)
