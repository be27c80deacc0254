from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub

PLANTED = "Tr0ub4dor-3xk9"


@pytest.mark.parametrize(
    "query",
    [
        f"password={PLANTED}",
        f"a=1&api_key={PLANTED}&b=2",
        f"user%5Bpassword%5D={PLANTED}",
        f"user%255Bpassword%255D={PLANTED}",
        f"a=1;token={PLANTED}",
        f"next=%2Flogin%3Fpassword%3D{PLANTED}",
        f"next=%252Flogin%253Fpassword%253D{PLANTED}",
        f"data=%7B%22password%22%3A%22{PLANTED}%22%7D",
        f"PassWord={PLANTED}#frag",
    ],
)
def test_a_secret_under_a_secret_name_leaves_the_query(query):
    result, notes = scrub.query(query)
    assert PLANTED not in result
    assert notes


def test_shapes_in_values_and_in_names_go_decoded_or_not():
    assert scrub.query("to=alice%2540example.com")[0] == "to=[redacted:email]"
    assert scrub.query("card=4111+1111+1111+1111")[0] == "card=[redacted:card-number]"
    assert scrub.query("alice@example.com=1")[0] == "[redacted:email]=1"


@pytest.mark.parametrize(
    "query",
    ["", "q=shoes&page=2", "q=a%20b&sort=-price", "ids=1&ids=2", "a=b=c", "x", "&&", "t=1748503543012"],
)
def test_an_innocent_query_is_returned_as_it_came(query):
    assert scrub.query(query) == (query, ())


def test_a_url_is_scrubbed_in_all_its_parts():
    result, notes = scrub.url(f"https://u:{PLANTED}@h.example/alice%40example.com/x?token={PLANTED}&a=1")
    assert PLANTED not in result
    assert "alice" not in result
    assert result.endswith("&a=1")
    assert notes == ("url.original:url-userinfo", "url.original:email", "url.original:token")


def test_a_session_in_a_path_parameter_goes():
    assert scrub.path("/a;jsessionid=1A2B3C/b")[0] == "/a;jsessionid=[redacted:session]"


def test_headers_go_by_their_names():
    given_headers = [
        ("Authorization", "Bearer x"),
        ("X-Api-Key", "k"),
        ("Accept", "text/html"),
        ("Cookie", "a=b"),
    ]
    cleaned, notes = scrub.headers(given_headers)
    assert dict(cleaned)["Accept"] == "text/html"
    assert [v for k, v in cleaned if k != "Accept"] == [
        "[redacted:authorization]",
        "[redacted:api-key]",
        "[redacted:session]",
    ]
    assert len(notes) == 3


NAMES = st.sampled_from(["a", "page", "password", "user[token]", "q", "apiKey", "x%5By%5D"])
VALUES = st.sampled_from(
    ["1", "shoes", "", "a%20b", "alice@example.com", "4111111111111111", quote("a@b.de"), "a+b"]
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.sampled_from(["", "/", "/a/b", "/users/alice@example.com"]),
)
def test_what_is_called_clean_has_nothing_to_remove(pairs, path):
    query = "&".join(f"{name}={value}" for name, value in pairs)
    if scrub.is_clean_query(query):
        assert scrub.query(query) == (query, ())
    if scrub.is_clean(path):
        assert scrub.path(path) == (path, ())


@given(st.text(alphabet="/abc.-~_0123456789@%", max_size=60))
def test_a_path_that_is_called_clean_has_nothing_to_remove(path):
    if scrub.is_clean(path):
        assert scrub.path(path) == (path, ())


def test_a_secret_after_its_name_and_a_colon_is_not_clean():
    assert not scrub.is_clean("password:hunter2")
    assert scrub.is_clean("Mozilla/5.0 (X11; rv:140.0)")
