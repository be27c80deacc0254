"""The query language, on queries and events nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.errors import QueryError
from sealtrail.event import FIELDS, Batch, Entry, canonical, decode
from sealtrail.store.columnar import ColumnarStore
from sealtrail.store.query import All, And, Compare, Exists, Is, Like, Not, Or, Text, parse, predicate

# Few letters, so that queries and events meet; odd ones, so that they are not all alike.
LETTERS = 'abAé1 -_%*\\"/:.<(\x00\nİ'
WORD = st.text(st.sampled_from(LETTERS), max_size=4)
SOME_WORD = st.text(st.sampled_from(LETTERS), min_size=1, max_size=4)
ADDRESS = st.sampled_from(
    [
        "10.0.0.1",
        "10.0.0.9",
        "10.1.0.1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "2001:DB8:0::2",
        "fe80::1%eth0",
        "nobody",
    ]
)
NETWORK = st.sampled_from(
    ["10.0.0.0/8", "10.0.0.1", "10.0.0.0/31", "2001:db8::/32", "::/0", "0.0.0.0/0", "2001:db8::1"]
)
TIME = st.sampled_from(
    [
        "1969-12-31T23:59:59.5Z",
        "2026-11-24T08:00:00.000000Z",
        "2026-11-24T08:00:00Z",
        "2026-11-25T00:00:00.123456789Z",
    ]
)
NUMBER = st.one_of(st.integers(-3, 12), st.sampled_from([400, 404, 499, 500, 2**53, -(2**53)]))
FLOAT = st.one_of(NUMBER, st.sampled_from([1.5, -0.0, 1e300, 404.0]))
BY_TYPE = {
    "keyword": WORD,
    "text": st.one_of(WORD, st.sampled_from(["time out", "Timeout: a-b", "a b 1"])),
    "ip": ADDRESS,
    "keywords": st.lists(WORD, max_size=3),
    "time": TIME,
    "long": NUMBER,
    "bool": st.booleans(),
}
KNOWN = (
    "user.id",
    "event.reason",
    "message",
    "url.path",
    "tags",
    "client.ip",
    "source.ip",
    "event.start",
    "http.response.status_code",
    "sealtrail.import",
)
UNKNOWN = ("a", "a.b", "a.b.c", "odd key", 'q"/~é', "a b.1", "sealtrail.details", "sealtrail.details.x", "1")
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), FLOAT, WORD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["b", "c", "x", "b.c", "1"]), inner, max_size=2),
    ),
    max_leaves=4,
)


@st.composite
def events(draw):
    fields = {"@timestamp": draw(TIME)}
    for name in draw(st.lists(st.sampled_from(KNOWN), unique=True, max_size=6)):
        fields[name] = draw(BY_TYPE[FIELDS[name].type])
    for name in draw(st.lists(st.sampled_from(UNKNOWN), unique=True, max_size=3)):
        fields[name] = draw(JSON)
    if draw(st.integers(0, 9)) == 0:
        # Not what the table says: a later version's type, or a hand at the disk.
        fields[draw(st.sampled_from(KNOWN))] = draw(JSON)
    return decode(canonical(fields))


FIELD = st.one_of(
    st.sampled_from(KNOWN + UNKNOWN), st.sampled_from(["@timestamp", "sealtrail.trail", "sealtrail.index"])
)
VALUE = st.one_of(
    WORD,
    NUMBER.map(str),
    NETWORK,
    TIME,
    st.sampled_from(["true", "false", "1.5", "404.0", "access", "time", "2026-11-24"]),
)
PARTS = (
    st.lists(WORD, min_size=2, max_size=4)
    .map(lambda parts: (parts[0], *(part for part in parts[1:-1] if part), parts[-1]))
    .filter(any)
)
LEAF = st.one_of(
    st.just(All()),
    st.lists(SOME_WORD, min_size=1, max_size=3).map(lambda parts: Text(tuple(parts))),
    st.builds(Is, FIELD, VALUE),
    st.builds(Like, FIELD, PARTS),
    st.builds(Exists, FIELD),
    st.builds(Compare, FIELD, st.sampled_from([">", ">=", "<", "<="]), VALUE),
)


def _is_allowed(node):
    try:
        predicate(node)
    except QueryError:
        return False
    return True


NODE = st.recursive(
    LEAF.filter(_is_allowed),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda nodes: And(tuple(nodes))),
        st.lists(inner, min_size=2, max_size=3).map(lambda nodes: Or(tuple(nodes))),
    ),
    max_leaves=6,
)


@settings(max_examples=500)
@given(NODE)
def test_every_tree_prints_as_text_that_reads_back_as_itself(node):
    assert parse(str(node)) == node


ANY_NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=300)
@given(ANY_NAME, ANY_NAME, st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_any_text_can_be_a_field_a_value_and_a_phrase(name, other, value):
    for node in (Text((other,)), Is(name, value), Like(name, (value, other)), Text((name, other))):
        if isinstance(node, Is | Like) and node.field in FIELDS:
            continue
        assert parse(str(node)) == node


@settings(max_examples=500)
@given(st.text(max_size=30) | st.text(st.sampled_from('ab:*()"\\ <>=[]uornotd1'), max_size=20))
def test_any_text_is_a_query_that_prints_itself_back_or_an_error_with_a_column(text):
    try:
        node = parse(text)
    except QueryError as error:
        assert 0 <= error.column <= len(text)
        return
    assert parse(str(node)) == node


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@settings(max_examples=60)
@given(st.lists(events(), min_size=1, max_size=12), st.lists(NODE, min_size=1, max_size=8), st.booleans())
def test_sql_and_predicate_agree_on_every_event(folder, found, queries, in_segment):
    store = ColumnarStore.open(folder)
    try:
        store.clear()
        entries = tuple(Entry("access", i, canonical(fields), fields) for i, fields in enumerate(found))
        store.handle(Batch(entries, {}, {"access": len(entries)}))
        if in_segment:
            store.flush()
        hits = store.search(All(), newest_first=False)
        assert sorted(hit.index for hit in hits) == list(range(len(found)))
        for hit in hits:
            assert list(hit.fields.items()) == list(found[hit.index].items())
        for query in queries:
            matches = predicate(query)
            wanted = [entry.index for entry in entries if matches(entry.fields, entry.trail, entry.index)]
            assert sorted(hit.index for hit in store.search(query)) == wanted, str(query)
    finally:
        store.close()
