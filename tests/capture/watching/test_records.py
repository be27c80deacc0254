import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.capture.watching.records import Records, records_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
ODD = st.sampled_from(['"', "\\", "[,]", "{", '\\"'])
VALUES = st.recursive(
    SCALARS | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=25,
)


def lists(value):
    """Lengths of the lists that stand in no other."""
    if isinstance(value, list):
        yield len(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from lists(inner)


def counted(*parts: bytes) -> int | None:
    records = Records()
    for part in parts:
        records.feed(part)
    return records.count


@settings(deadline=None, max_examples=150)
@given(VALUES, st.lists(st.integers(0, 200), max_size=6), st.booleans(), st.sampled_from([None, 1]))
def test_the_longest_list_in_no_other_is_counted_however_the_document_is_cut(value, cuts, plain, indent):
    data = json.dumps(value, ensure_ascii=plain, indent=indent).encode("utf-8", "surrogatepass")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(places)]
    expected = max(lists(value), default=None)
    assert records_of(value) == expected
    assert counted(*parts) == expected
    assert counted(*(data[n : n + 1] for n in range(len(data)))) == expected


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"[]", 0),
        (b"[ ]", 0),
        (b"[{}]", 1),
        (b"[[1,2,3]]", 1),
        (b'{"items":[{"tags":["a","b","c"]},{}],"total":2}', 2),
        (b'{"a":[1],"b":{"c":[1,2,3]}}', 3),
        (b'{"a":1}', None),
        (b'"[1,2,3]"', None),
        (b"", None),
    ],
)
def test_what_is_a_record(data, count):
    assert counted(data) == count


def test_a_document_that_is_not_over_is_counted_as_far_as_it_went():
    assert counted(b'{"items":[{"a":1},{"a":2},{"a"') == 3


def test_texts_full_of_quotes_and_brackets_without_end_are_read_in_one_go():
    part = b'\\"[{,' * 20_000
    assert counted(b'["', *[part] * 8, b'",1]') == 2
    assert counted(b"[" * 100_000, b"]" * 100_000) == 1
    assert counted(b"}]" * 100_000) is None
