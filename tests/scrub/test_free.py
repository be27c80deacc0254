from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub

PLANTED = "Tr0ub4dor-3xk9"


@pytest.mark.parametrize(
    "text",
    [
        f"password={PLANTED} done",
        f"password: {PLANTED}, next",
        f'{{"password": "{PLANTED}", "a": 1}}',
        f'{{\\"password\\": \\"{PLANTED}\\"}}',
        f"{{'api_key': '{PLANTED}'}}",
        f"token => {PLANTED}",
        f"Cookie: a=b; c={PLANTED}",
        f"Authorization: Custom {PLANTED}",
        f"password%3D{PLANTED}",
        f"p%61ssword={PLANTED}",
        f"secret=[1, '{PLANTED}']",
        f"--password={PLANTED}",
        f"db_url=postgres://u:{PLANTED}@host/db",
    ],
)
def test_a_value_after_a_secret_name_goes(text):
    result, notes = scrub.text(text)
    assert PLANTED not in result
    assert notes
    assert not any(PLANTED in note for note in notes)


@pytest.mark.parametrize(
    "text",
    [
        "pass: 3, fail: 0",
        "time 10:30 key: value",
        "password: null",
        "has_password=true",
        "see http://x.example/a?b=c",
        "=:=::",
    ],
)
def test_text_that_only_speaks_of_secrets_stays(text):
    assert scrub.text(text) == (text, ())


def test_what_stands_around_a_secret_stays():
    assert scrub.text('{"password": "a\\"b", "a": 1}')[0] == '{"password": "[redacted:password]", "a": 1}'


@pytest.mark.parametrize(
    "text", ["password=\nPIN: {}\n", "password: token: {}", "pass=pin={}", "secret =\n  pin={}"]
)
def test_an_empty_value_does_not_hide_the_name_that_follows(text):
    assert PLANTED not in scrub.text(text.format(PLANTED))[0]


def test_rules_may_be_kept():
    text = "alice@example.com 078-05-1123"
    assert scrub.text(text, keep={"email"}) == ("alice@example.com [redacted:ssn]", ("message:ssn",))


def test_notes_name_the_field_and_the_rule_once():
    assert scrub.text("a@b.de c@d.de", "event.reason")[1] == ("event.reason:email",)


def test_text_beyond_the_limit_is_not_kept_unseen():
    text = "x" * scrub.MAX_TEXT + " password=hunter2"
    assert len(scrub.text(text)[0]) == scrub.MAX_TEXT


ENCODINGS = [lambda t: t, quote, lambda t: quote(quote(t)), lambda t: quote(t, safe="").replace("a", "%61")]


@given(
    st.sampled_from(
        [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "AKIAZ3MVLQ7XN2PKD8WT",
            "alice@example.com",
            "4111111111111111",
            "078-05-1123",
            "ghp_" + "a1B2c3D4e5F6" * 3,
            f"password={PLANTED}",
        ]
    ),
    st.sampled_from(ENCODINGS),
    st.text(alphabet=" ,;<>\"'\n", max_size=3),
)
def test_no_encoding_carries_a_shape_through(secret, encode, around):
    value = secret.rpartition("=")[2]
    result, notes = scrub.text(f"{around}{encode(secret)}{around} tail")
    for form in (value, quote(value), quote(quote(value))):
        assert form not in result
    assert notes


def escaped(text):
    return "".join(f"\\u{ord(c):04x}" if c in "<>&='\"" else c for c in text).replace("/", "\\/")


@pytest.mark.parametrize(
    "text",
    [
        f"password\\u003d{PLANTED}",
        f"postgres:\\/\\/app:{PLANTED}@db.example\\/shop",
        f"{{\\u0022password\\u0022:\\u0022{PLANTED}\\u0022}}",
        "first line\\nAKIAZ3MVLQ7XN2PKD8WT",
        "\\u0041KIAZ3MVLQ7XN2PKD8WT",
    ],
)
def test_the_escapes_of_json_carry_nothing_through(text):
    result, notes = scrub.text(text)
    assert PLANTED not in result
    assert "KIAZ3MVLQ7XN2PKD8WT" not in result
    assert notes


@given(st.text(alphabet="abcxyz/=:.-_ ", max_size=60))
def test_what_holds_no_secret_behind_an_escape_keeps_its_escapes(text):
    spelled = escaped(text)
    if not scrub.text(text)[1]:
        assert scrub.text(spelled) == (spelled, ())


@given(st.text(max_size=200))
def test_scrubbing_twice_is_scrubbing_once(text):
    once, _ = scrub.text(text)
    assert scrub.text(once)[0] == once


@given(st.text(alphabet="ab=:&%2053\"'\\[]{} pswdtoken@.", max_size=80))
def test_no_text_of_separators_makes_it_raise(text):
    scrub.text(text)
    scrub.query(text)
    scrub.url(text)


@pytest.mark.parametrize("end", ["=password=", ":token:", ".x=secret="])
def test_a_value_that_ends_like_a_name_with_a_separator_goes(end):
    assert "Tr0ub4dor" not in scrub.text(f"password=Tr0ub4dor{end} and more")[0]


def test_names_without_end_behind_one_another_are_one_value():
    assert scrub.text("password=" * 1800)[0] == "password=[redacted:password]"


@pytest.mark.parametrize(
    "text",
    [
        "connect alice:s3cret9@db.internal:5432/app",
        "dsn alice:s3cret9!x@tcp(127.0.0.1:3306)/db",
        "at alice:s3cret9@localhost",
        "at alice:s3cret9@10.0.0.7 now",
        "alice:s3cret9@files.example.org/inbox",
        "contrase\u00f1a=s3cret9 x",
        "contrasen\u0303a: s3cret9",
        "\u5bc6\u7801password=s3cret9",
    ],
)
def test_a_login_without_a_scheme_and_a_name_in_any_letters_hide_nothing(text):
    kept, notes = scrub.text(text)
    assert notes
    assert "s3cret9" not in kept
    assert scrub.text(kept)[0] == kept


@pytest.mark.parametrize(
    "text",
    [
        "image nginx:1.27@sha256:0123456789abcdef",
        "npm:react17@18.2.0",
        "12:30:4567@host:8080",
        "note:hello@all/x",
        "retries:12@a:80",
        "a\u00f1o=2026",
    ],
)
def test_what_only_looks_like_a_login_or_a_name_stays(text):
    assert scrub.text(text) == (text, ())
