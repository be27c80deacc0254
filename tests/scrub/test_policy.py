from base64 import b64encode, urlsafe_b64encode
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.scrub import Policy
from sealtrail.scrub.policy import key_id, keyed, use


def test_replacing_says_the_rule_and_nothing_of_the_text():
    assert Policy().replacement("token", "abc") == "[redacted:token]"


def test_dropping_leaves_nothing():
    assert scrub.text("call 4111111111111111 now", policy=Policy("drop"))[0] == "call  now"


def test_masking_keeps_the_end_of_a_card_and_of_nothing_else():
    policy = Policy("mask")
    assert policy.replacement("card-number", "4111111111111111") == "[redacted:card-number:...1111]"
    assert policy.replacement("password", "4111111111111111") == "[redacted:password]"
    assert policy.replacement("card-number", "4111") == "[redacted:card-number]"


def test_hashes_are_equal_for_equal_values_under_one_key_only():
    one, other = (Policy("hmac", digest=partial(keyed, key)) for key in (b"k1", b"k2"))
    assert one.replacement("email", "a@b.de") == one.replacement("email", "a@b.de")
    assert one.replacement("email", "a@b.de") != one.replacement("email", "a@b.dk")
    assert one.replacement("email", "a@b.de") != other.replacement("email", "a@b.de")
    assert "a@b.de" not in one.replacement("email", "a@b.de")


def test_without_a_key_nothing_is_hashed():
    assert Policy("hmac").replacement("email", "a@b.de") == "[redacted:email]"


@pytest.fixture
def using():
    """Make a policy that of the process, for this test."""
    yield use
    use(None)


def test_without_a_policy_of_its_own_a_call_follows_that_of_the_process(using):
    using(Policy("drop"))
    assert scrub.text("call 4111111111111111 now")[0] == "call  now"
    assert scrub.text("call 4111111111111111 now", policy=Policy())[0] == "call [redacted:card-number] now"
    using(None)
    assert scrub.text("call 4111111111111111 now")[0] == "call [redacted:card-number] now"


def test_the_field_wins_over_the_name_and_the_name_over_the_rule():
    policy = Policy(
        "drop",
        rules={"email": "keep", "pin": "replace"},
        names={"card-pin": "mask"},
        fields={"sealtrail.details.*.mail": "replace", "url.query": "drop"},
    )
    assert policy.replacement("email", "a@b.de", "message") is None
    assert policy.replacement("email", "a@b.de", "sealtrail.details.user.mail") == "[redacted:email]"
    assert policy.replacement("pin", "4821", "url.query", "pin") == ""
    assert policy.replacement("pin", "4821", "message", "pin") == "[redacted:pin]"
    assert policy.replacement("pin", "4821", "message", "cardPin") == "[redacted:pin]"
    assert policy.replacement("token", "abc", "message") == ""


def test_what_a_rule_finds_may_stay_and_everything_around_it_goes():
    policy = Policy(rules={"email": "keep"})
    text = "a@b.de 078-05-1123"
    assert scrub.text(text, policy=policy) == ("a@b.de [redacted:ssn]", ("message:ssn",))
    assert scrub.query("mail=a%40b.de&pin=4821", policy=policy)[0] == "mail=a%40b.de&pin=[redacted:pin]"
    assert scrub.details({"mail": ["a@b.de"], "pin": "4821"}, policy=policy)[0] == {
        "mail": ["a@b.de"],
        "pin": "[redacted:pin]",
    }
    pairs, _ = scrub.headers([("From", "a@b.de"), ("Cookie", "a=b")], policy=policy)
    assert pairs == [("From", "a@b.de"), ("Cookie", "[redacted:session]")]


def test_a_policy_makes_names_secret_and_innocent_however_they_are_spelled(using):
    using(Policy(names={"patient-ref": "drop", "access-token": "keep"}))
    assert scrub.details({"patientRef": "x1", "accessToken": "abc", "pin": "4821"})[0] == {
        "patientRef": "",
        "accessToken": "abc",
        "pin": "[redacted:pin]",
    }
    assert (
        scrub.query("filter[patient_ref]=x1&access_token=abc")[0] == "filter[patient_ref]=&access_token=abc"
    )
    assert scrub.text("patient-ref: x1, access token=abc")[1] == ("message:name", "message:token")
    using(None)
    assert scrub.secret_name("patientRef") == ""
    assert scrub.secret_name("accessToken") == "token"


def test_an_innocent_name_hides_no_shape(using):
    using(Policy(names={"access-token": "keep"}))
    assert scrub.details({"access_token": "4111111111111111"})[0] == {
        "access_token": "[redacted:card-number]"
    }


def test_hashes_say_under_which_key_they_were_made():
    one, other = (Policy("hmac", digest=partial(keyed, key)) for key in (b"k1", b"k2"))
    found = one.replacement("email", "a@b.de")
    assert found == f"[redacted:email:{keyed(b'k1', 'a@b.de')}]"
    assert f":{key_id(b'k1')}:" in found
    assert key_id(b"k1") != key_id(b"k2")
    assert other.replacement("email", "a@b.de") != found
    digest = Policy("hmac", digest=lambda value: f"id:{len(value)}")
    assert digest.replacement("email", "a@b.de") == "[redacted:email:id:6]"


@pytest.mark.parametrize(
    "mark", ["[redacted:pin]", "[redacted:card-number:...1881]", "[redacted:pin:74df:4111111111111111]"]
)
def test_what_stands_for_a_secret_is_never_looked_at_again(mark):
    for text in (mark, f"pin={mark} x", f'{{"pin": "{mark}"}}'):
        assert scrub.text(text) == (text, ())


def test_what_only_begins_like_a_mark_hides_nothing():
    assert scrub.text("[redacted:x 4111111111111111 pin=4821")[1] == ("message:card-number", "message:pin")


def test_no_letters_are_shown_behind_a_mask():
    assert Policy("mask").replacement("card", "correct horse battery") == "[redacted:card]"


@pytest.mark.parametrize("mode", ["replace", "drop", "mask", "hmac"])
@given(st.text(alphabet="ab=:&%2053\"'\\[]{} pswdtoken@.", max_size=60))
def test_whatever_the_mode_scrubbing_twice_is_scrubbing_once_and_never_raises(mode, text):
    policy = Policy(mode, digest=partial(keyed, b"k"))
    once, _ = scrub.text(f"{text} pin=4821 4111111111111111", policy=policy)
    assert "4111111111111111" not in once
    if mode != "drop":
        assert scrub.text(once, policy=policy)[0] == once


SECRETS = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "AKIA" + "Z3MVLQ7XN2PKD8WT",
    "alice@example.com",
    "4111111111111111",
    "postgres://app:h4nter2@db.example/x",
    "password=Tr0ub4dor-3xk9",
)
ENCODINGS = {
    "raw": str,
    "percent": quote,
    "percent twice": lambda text: quote(quote(text)),
    "json": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: urlsafe_b64encode(text.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mode", ["replace", "drop", "mask", "hmac"])
def test_whatever_the_mode_no_encoding_carries_a_secret_through(mode, encoding):
    policy = Policy(mode, digest=partial(keyed, b"k"))
    for secret in SECRETS:
        coded = ENCODINGS[encoding](secret)
        value = secret.rpartition("=")[2]
        for text in (coded, f"x=1 {coded} end", f'{{"a":"{coded}"}}', f"a=1&b={coded}&c=2"):
            for scrubbed in (scrub.text, scrub.url, scrub.query):
                once, notes = scrubbed(text, policy=policy)
                assert value not in once
                assert coded not in once
                assert notes
                if mode != "drop":
                    assert scrubbed(once, policy=policy) == (once, ())


@pytest.mark.parametrize("text", ["[redacted:jwt]=2", "[redacted:token] : abc1", "[redacted:pin]=a&b=2"])
def test_what_stands_for_a_secret_is_no_name_of_one(text):
    assert scrub.text(text) == (text, ())
    assert scrub.query(text) == (text, ())
    assert scrub.details({"[redacted:token]": "x"}) == ({"[redacted:token]": "x"}, ())


def test_looking_makes_no_hash():
    def digest(_):
        raise AssertionError

    assert Policy("hmac", digest=digest).looking().replacement("pin", "4821") == "[redacted:pin]"
    assert Policy("drop").looking() == Policy("drop")
