import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.capture.watching import field_names
from sealtrail.capture.watching.field_names import MAX_NAMES, MAX_NESTED, Names, name_of, parsed

WORDS = st.sampled_from(["id", "name", "is_admin", "$ref", "@type", "address-line", "sha256", "größe", "x.y"])
KEYS = WORDS | st.sampled_from(["a b", "", "4711", "alice@example.com", "20240101"]) | st.text(max_size=5)
NAME = re.compile(r"(\*|[@$]?\w[\w:$-]*)(\.(\*|[@$]?\w[\w:$.-]*))*\.*")
MARK = "Vq7secretvalue"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(MARK) | st.sampled_from([f'{MARK}":', f"{{{MARK}\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def paths(value, above=""):
    """Every path of keys, as the parser of the standard library sees them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{above}.{name_of(key)}" if above else name_of(key)
            yield path
            yield from paths(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, above)


def names(data: bytes, *, is_whole: bool = True) -> tuple[str, ...]:
    found = Names()
    if is_whole:
        found.value(parsed(data))
    else:
        found.beginning(data)
    return found.told()


@settings(deadline=None, max_examples=150)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_the_names_are_those_of_the_standard_parser_and_no_value_is_among_them(value, plain, indent):
    data = json.dumps(value, ensure_ascii=plain, indent=indent).encode("utf-8", "surrogatepass")
    try:
        data.decode()
    except UnicodeDecodeError:
        data = json.dumps(value).encode()  # lone surrogates can only be escaped
    expected = tuple(dict.fromkeys(paths(json.loads(data))))[:MAX_NAMES]
    assert names(data) == expected
    assert names(data, is_whole=False) == expected
    assert MARK not in str(expected)


@settings(deadline=None, max_examples=80)
@given(VALUES, st.integers(0, 300))
def test_the_beginning_of_a_document_has_the_first_of_its_names(value, cut):
    data = json.dumps(value).encode()
    whole = tuple(dict.fromkeys(paths(value)))
    found = names(data[:cut], is_whole=False)
    assert found == whole[: len(found)]
    assert MARK not in str(found)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=60) | st.text(alphabet='{}[],:"\\ aé\x00', max_size=60).map(str.encode))
def test_no_bytes_make_it_raise_and_every_name_is_one(data):
    for is_whole in (True, False):
        found = Names()
        found.beginning(data)
        found.form(data, is_whole=is_whole)
        assert all(
            re.fullmatch(r"(\*|[@$]?\w[\w:$-]*)(\.(\*|[@$]?\w[\w:$.-]*))*\.*", n) for n in found.told()
        )


@pytest.mark.parametrize(
    "key",
    [
        *("4111111111111111", "42", "alice@example.com", "a key", "", "x" * 65, "2024-01-15"),
        *("0198c0de-0000-7000-8000-000000000000", "AKIAZ3MVLQ7XN2PKD8WT", "GB29NWBK60161331926819"),
        *("\ud800", "\u202eabc", "a\nb"),
    ],
)
def test_a_key_that_is_data_is_told_as_a_star(key):
    data = json.dumps({"by": {key: {"total": 1}}}).encode()
    assert names(data) == names(data, is_whole=False) == ("by", "by.*", "by.*.total")


@pytest.mark.parametrize(
    "key", ["id", "is_admin", "iso3166", "2fa_code", "$ref", "@id", "x-request-id", "größe"]
)
def test_a_key_that_looks_like_a_name_is_one(key):
    assert name_of(key) == key


def test_names_without_end_are_cut_and_the_cut_is_known():
    found = Names()
    rows = [{f"{a}{b}": 1} for a in "abcdefghij" for b in "klmnopqrst"]
    found.value(rows)
    assert (len(found.told()), found.is_cut) == (MAX_NAMES, True)
    deep = Names()
    deep.value(json.loads('{"a":' * 30 + "1" + "}" * 30))
    assert deep.told()[-1] == ".".join("a" * MAX_NESTED)
    assert deep.is_cut


def test_keys_without_end_are_not_all_looked_at(monkeypatch):
    looked = []
    monkeypatch.setattr(field_names, "_looked_at", lambda key: looked.append(key) or field_names.DATA)
    keys = {f"secret{n}": n for n in range(9000)}
    for look in (
        lambda found: found.value(keys),
        lambda found: found.value([{key: 1} for key in keys]),
        lambda found: found.beginning(json.dumps(keys).encode()),
    ):
        monkeypatch.setattr(field_names, "_known", {})
        looked.clear()
        found = Names()
        look(found)
        assert (found.told(), found.is_cut) == (("*",), True)
        assert len(looked) == field_names.MAX_KEYS


def test_nesting_beyond_any_parser_gives_the_names_that_come_before():
    data = b'{"a":1,"b":' + b"[" * 20_000 + b"]" * 20_000 + b',"c":2}'
    with pytest.raises(RecursionError):
        parsed(data)
    assert names(data, is_whole=False) == ("a", "b", "c")


@pytest.mark.parametrize("data", [b"", b"{'a': 1}", b'{"a": 1', b"\xff\xfe{", b'{"a\xff": 1}', b"a=b"])
def test_what_is_no_document_is_told_from_one(data):
    with pytest.raises(ValueError):
        parsed(data)


@pytest.mark.parametrize(
    "data", [b'{"a": NaN}', b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16"), b'{"a":"\\ud800"}']
)
def test_what_the_standard_library_takes_is_a_document(data):
    assert names(data) == ("a",)


def test_what_a_text_holds_is_never_taken_for_a_key():
    data = b'{"a": "x", "b": ["k", "l"], "c": {"d": "e\\": {\\"f"}, "g": "cut off: {'
    assert names(data, is_whole=False) == ("a", "b", "c", "c.d", "g")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"page=2&filter[status]=open&filter[since]=x", ("page", "filter", "filter.status", "filter.since")),
        (b"items[0][name]=a&items[1][name]=b", ("items", "items.*", "items.*.name")),
        (b"a+b=1&%70age=2&caf%C3%A9=3&%FF=4", ("*", "page", "café")),
        (b"debug&token-alone&=x&&", ()),
        (b"user.name=x", ("user", "user.name")),
    ],
)
def test_names_of_queries_and_forms(data, expected):
    found = Names()
    found.form(data)
    assert found.told() == expected


def test_a_form_that_is_cut_gives_no_half_a_name():
    found = Names()
    found.form(b"name=x&passw", is_whole=False)
    assert (found.told(), found.is_cut) == (("name",), True)
    many = Names()
    many.form(b"&".join([b"a=1"] * 5000))
    assert (many.told(), many.is_cut) == (("a",), True)


def test_what_is_remembered_of_keys_is_bounded():
    for number in range(5000):
        name_of(f"k{number}")
    assert len(field_names._known) <= field_names._MAX_KNOWN


@pytest.mark.parametrize("key", ["1.1.1.1", "12-34", "5.5", "2024", "_"])
def test_a_key_without_a_letter_is_data(key) -> None:
    assert name_of(key) == "*"
