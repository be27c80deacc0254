import base64
import copy
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.scrub.coded import Hidden, hidden
from sealtrail.scrub.shapes import scan

VALUE = "Tr0ub4dor-3xk9"
# With a listed shape, or under a secret name; put together here.
SECRETS = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "AKIA" + "Z3MVLQ7XN2PKD8WT",
    "alice@example.com",
    "4111111111111111",
    "078-05-1123",
    "ghp_" + "a1B2c3D4e5F6" * 3,
    "glsa_" + "abcdefghABCDEFGH0123456789abcdef" + "_0a1b2c3d",
    "postgres://app:h4nter2@db.example/x",
    f"password={VALUE}",
    f'{{"api_key": "{VALUE}"}}',
    f"Authorization: Custom {VALUE}",
)


@given(st.lists(st.sampled_from(SECRETS) | st.text(alphabet="aB3+/_-=\\n u0041", max_size=20), max_size=6))
def test_no_scan_says_that_there_is_no_base64_where_there_is(parts):
    text = "".join(base64.b64encode(part.encode()).decode() if len(part) > 10 else part for part in parts)
    assert scan(text)[1] or not hidden(text)


def standard(text):
    return base64.b64encode(text.encode()).decode()


def for_urls(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def as_json(text):
    return json.dumps(text)[1:-1]


FORMS = (
    lambda t: t,
    as_json,
    lambda t: as_json(as_json(t)),
    standard,
    for_urls,
    quote,
    lambda t: quote(quote(t, safe=""), safe=""),
    lambda t: quote(standard(t), safe=""),
)
AROUND = st.text(alphabet="abc ,;<>\n", max_size=20)


def spellings(secret):
    """Forms in which the secret's own part must not be found in what is kept."""
    own = VALUE if VALUE in secret else secret
    return {form(text) for form in FORMS for text in (own, secret)}


@given(st.sampled_from(SECRETS), st.sampled_from(FORMS), AROUND, AROUND)
def test_no_form_of_a_secret_is_kept_in_text(secret, form, before, after):
    result, notes = scrub.text(f"{before}\n{form(secret)}\n{after}")
    assert notes
    assert not any(spelled in result for spelled in spellings(secret))
    assert not any(spelled in note for spelled in spellings(secret) for note in notes)


@given(st.sampled_from(SECRETS), st.sampled_from(FORMS), st.sampled_from(["q", "filter[a]", "next"]))
def test_no_form_of_a_secret_is_kept_in_queries_addresses_and_headers(secret, form, name):
    value = quote(form(secret), safe="%")
    target = f"/api/orders?page=2&{name}={value}&z=1"
    kept = (
        scrub.query(target.partition("?")[2])[0],
        scrub.url(target)[0],
        scrub.headers([("X-Note", form(secret))])[0][0][1],
    )
    for text in kept:
        assert not any(spelled in text for spelled in spellings(secret)), text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(SECRETS), st.sampled_from(FORMS), st.sampled_from(["note", "apiKey"]))
def test_no_form_of_a_secret_is_kept_in_values_and_the_callers_own_stay_as_they_were(
    data, secret, form, name
):
    own = {"first": data, name: form(secret), "list": [{"deep": (form(secret),)}], form(secret): 1}
    before = copy.deepcopy(own)
    result, notes = scrub.details(own)
    assert own == before
    assert notes
    text = json.dumps(result, ensure_ascii=False)
    assert not any(spelled in text for spelled in spellings(secret))


@pytest.mark.parametrize(
    "text",
    [
        "/api/orders/42/items/of/somebody",
        "01a20bc7-b449-7748-a77e-fe0c13d6cc3a",
        "internationalization and characterization",
        standard('{"id": 42, "after": "2026-11-24"}'),
        standard("an innocent remark about the weather"),
        "d41d8cd98f00b204e9800998ecf8427e",
        "YWJj" * 3,
    ],
)
def test_ids_words_paths_and_cursors_are_left_alone(text):
    assert scrub.text(text) == (text, ())
    assert scrub.path(text) == (text, ())


def test_a_run_is_read_whole_or_by_the_parts_of_a_path():
    coded = for_urls("password=hunter2-and-more")
    assert hidden(f"see {coded}.") == [Hidden(4, 4 + len(coded), "password=hunter2-and-more")]
    path = f"/files/{coded}/raw"
    assert scrub.path(path)[0] == "/files/[redacted:password]/raw"


def test_what_is_cut_off_in_the_middle_is_read_to_where_it_ends():
    coded = standard("password=hunter2-and-more")
    for cut in range(len(coded) - 6, len(coded)):
        assert "password" not in "".join(item.text for item in hidden(scrub.text(coded[:cut])[0]))
        assert scrub.text(coded[:cut])[1] == ("message:password",)


def test_where_there_are_very_many_all_go_that_could_be_one():
    text = "\n".join([standard("an innocent remark")] * 80 + [standard("password=hunter2xyz")])
    result, notes = scrub.text(text)
    assert standard("password=hunter2xyz") not in result
    assert notes == ("message:password",)


@given(st.text(alphabet="abcXYZ019+/=_-. ", max_size=120))
def test_no_text_makes_it_raise_and_places_are_within(text):
    end = 0
    for item in hidden(text):
        assert end <= item.start < item.end <= len(text)
        end = item.end
