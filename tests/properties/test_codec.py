"""Laws of the codec that hold for every event, not for those we thought of."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import EventError
from sealtrail.event.codec import canonical, decode, encode, flatten, is_canonical, ordered, read
from sealtrail.event.entry import ingested, seal, stamp, suffix, unseal
from sealtrail.event.fields import COLLECTOR_KEYS, FIELDS
from sealtrail.event.limits import MAX_INTEGER, MAX_LINE_BYTES
from sealtrail.event.validate import check, is_reserved, kind_of

# What an attacker would write: quotes, backslashes, line ends, the collector's own keys.
NASTY = (
    *(
        '"',
        "\\",
        '\\"',
        "\n",
        "\r\n",
        "\x00",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
        "}",
        "{",
        "\\u0022",
        "😀",
        "\ufeff",
    ),
    ',"event.ingested":"',
    '","sealtrail.source":"x"}',
)
texts = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(NASTY)), max_size=4).map("".join)
numbers = st.one_of(
    st.integers(-MAX_INTEGER, MAX_INTEGER), st.floats(allow_nan=False, allow_infinity=False, width=64)
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
names = st.one_of(st.sampled_from(sorted(set(FIELDS) - set(COLLECTOR_KEYS))), texts)
events = st.dictionaries(names, values, max_size=10)


def same(one: object, two: object) -> bool:
    """Equal as JSON, where 1, 1.0 and true are three different things and -0.0 is not 0.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


@given(events)
def test_decoding_what_was_encoded_gives_it_back(event):
    assert same(decode(canonical(event)), event)


@given(events)
def test_canonical_bytes_are_a_fixed_point(event):
    line = canonical(event)
    assert canonical(decode(line)) == line
    assert is_canonical(line, decode(line))


@given(events, st.randoms(use_true_random=False))
def test_the_order_in_which_fields_were_set_leaves_no_trace(event, random):
    shuffled = list(event.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(event)


@given(events)
def test_a_canonical_line_is_one_line_of_plain_characters(event):
    text = canonical(event).decode()
    assert "\n" not in text
    assert "\r" not in text
    assert not [
        c for c in text if ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F or c in "\u2028\u2029\u202e\u2066\ufeff"
    ]
    assert same(json.loads(text), event)


@given(events, st.sampled_from([None, 0, 2]), st.booleans(), st.booleans())
def test_is_canonical_agrees_with_encoding_again(event, indent, ascii_only, sort):
    line = json.dumps(
        event, indent=indent, ensure_ascii=ascii_only, sort_keys=sort, separators=(",", ":")
    ).encode()
    fields = decode(line)
    assert is_canonical(line, fields) == (canonical(fields) == line)


def _with_a_key_twice(event: object, place: list[int], value: object) -> bytes | None:
    """JSON text of `event` in which the object found by walking `place` names one of its keys twice."""
    if isinstance(event, dict) and event:
        keys = sorted(event)
        key = keys[place[0] % len(keys)]
        deeper = _with_a_key_twice(event[key], place[1:], value) if len(place) > 1 else None
        pairs = [
            json.dumps(k).encode() + b":" + (deeper if deeper and k == key else json.dumps(event[k]).encode())
            for k in keys
        ]
        if deeper is None:
            pairs.insert(
                place[0] % (len(pairs) + 1), json.dumps(key).encode() + b":" + json.dumps(value).encode()
            )
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(event, list) and event:
        at = place[0] % len(event)
        inner = _with_a_key_twice(event[at], place[1:] or [0], value)
        if inner is None:
            return None
        return (
            b"[" + b",".join(inner if n == at else json.dumps(v).encode() for n, v in enumerate(event)) + b"]"
        )
    return None


@given(
    st.dictionaries(texts, values, min_size=1, max_size=6),
    st.lists(st.integers(0, 100), min_size=1, max_size=4),
    values,
)
def test_a_key_given_twice_anywhere_is_refused(event, place, value):
    line = _with_a_key_twice(event, place, value)
    assert line is not None
    with pytest.raises(EventError) as caught:
        decode(line)
    assert caught.value.code == "event.duplicate-key"


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_fields_or_an_event_error(data):
    for line in (data, b'{"a":"' + data + b'"}', b'{"a":' + data + b"}", b'{"' + data + b'":1}'):
        for reader in (decode, read):
            try:
                fields = reader(line)
            except EventError:
                continue
            assert isinstance(fields, dict)


@given(st.text(alphabet='{}[]":,\\ue0123456789.+-tfn \x00\ud800é', max_size=60))
def test_text_made_of_json_is_fields_or_an_event_error(text):
    line = text.encode("utf-8", "surrogatepass")
    try:
        fields = decode(line)
    except EventError:
        return
    # Whoever reads it as JSON, strictly, reads the same.
    assert same(json.loads(line), fields)


@given(events, texts)
def test_unsealing_gives_back_the_line_and_the_collectors_keys(event, source):
    event = event or {"a": 1}
    line = canonical(event)
    when = stamp(datetime(2026, 11, 24, 8, tzinfo=UTC))
    entry = seal(line, suffix(when, source))
    assert unseal(entry) == (line, when, source)
    assert ingested(entry) == when
    assert read(entry)["sealtrail.source"] == source


@given(events)
def test_flattening_dotted_names_changes_nothing(event):
    flat = {k: v for k, v in event.items() if not isinstance(v, dict)}
    assert flatten(flat) == flat


@given(events)
def test_nesting_and_flattening_meet_again(event):
    flat = {k: v for k, v in event.items() if k in FIELDS and not isinstance(v, dict)}
    nested: dict[str, object] = {}
    for name, value in flat.items():
        at = nested
        *parents, last = name.split(".")
        for parent in parents:
            at = at.setdefault(parent, {})  # type: ignore[assignment]
        at[last] = value
    assert flatten(nested) == flat


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), values, max_size=12), st.booleans())
def test_checking_a_hostile_event_passes_or_raises_an_event_error(event, reserved):
    try:
        check(event, reserved=reserved)
    except EventError as error:
        assert error.path.startswith("$")
    else:
        assert reserved or not is_reserved(event)
    assert kind_of(event) in {"request", "outbound", "authentication", "audit", "alert", "system"}


@given(st.text(alphabet="\x7f\u2028a", max_size=MAX_LINE_BYTES // 40).map(lambda t: t * 40))
def test_no_canonical_line_is_longer_than_an_entry_can_be(text):
    try:
        line = canonical({"message": text})
    except EventError as error:
        assert error.code == "event.too-long"
        assert len(encode(ordered({"message": text}))) > MAX_LINE_BYTES
    else:
        assert len(line) <= MAX_LINE_BYTES


@given(st.floats())
def test_a_number_that_is_not_finite_never_comes_out_of_a_line(number):
    line = b'{"a":' + repr(number).encode() + b"}"
    try:
        fields = decode(line)
    except EventError:
        assert not math.isfinite(number)
    else:
        assert fields == {"a": number}
