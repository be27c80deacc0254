from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub


def test_what_stands_under_a_secret_name_goes_whole():
    given_details = {"user": {"password": {"old": "a", "new": "b"}, "name": "x"}}
    result, notes = scrub.details(given_details)
    assert result == {"user": {"password": "[redacted:password]", "name": "x"}}
    assert notes == ("sealtrail.details.user.password:password",)
    assert given_details["user"]["password"] == {"old": "a", "new": "b"}


def test_a_value_is_secret_by_the_name_that_stands_beside_it():
    fields = [
        {"name": "user", "value": "alice"},
        {"name": "password", "value": "hunter2"},
        {"Key": "X-Api-Key", "Value": "0815"},
        {"field": "totp", "type": "text", "values": ["123456"]},
        {"label": "password", "value": None},
        {"name": "password", "kind": "hunter2"},
    ]
    made, notes = scrub.details(fields)
    assert made == [
        {"name": "user", "value": "alice"},
        {"name": "password", "value": "[redacted:password]"},
        {"Key": "X-Api-Key", "Value": "[redacted:api-key]"},
        {"field": "totp", "type": "text", "values": "[redacted:otp]"},
        *fields[4:],
    ]
    assert notes[0] == "sealtrail.details.value:password"
    assert scrub.details(made) == (made, ())


def test_nothing_under_a_secret_name_is_nothing_to_hide():
    details = {"password": None, "token": "", "secret": [], "has_password": True, "otp": False}
    assert scrub.details(details) == (details, ())


def test_a_number_can_be_a_card():
    assert scrub.details([4111111111111111, 5, 4111111111111112])[0] == [
        "[redacted:card-number]",
        5,
        4111111111111112,
    ]


def test_a_key_can_be_a_secret():
    result, notes = scrub.details({"alice@example.com": 1})
    assert result == {"[redacted:email]": 1}
    assert notes == ("sealtrail.details.*:email",)


def test_one_value_is_judged_by_its_name():
    assert scrub.value("pin", 1234, "x.pin") == ("[redacted:pin]", ("x.pin:pin",))
    assert scrub.value("colour", "red", "x.colour") == ("red", ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "password", "n"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_scrubbing_twice_is_scrubbing_once(value):
    once, _ = scrub.details(value)
    assert scrub.details(once)[0] == once


@given(JSON, st.text(min_size=9, max_size=20, alphabet="QZXJKV0987"))
def test_nothing_planted_under_a_secret_name_survives(value, planted):
    result, _ = scrub.details(
        {"around": value, "deep": [{"access_token": planted}], "secret": {"a": [planted]}}
    )
    assert planted not in repr(result["deep"]) + repr(result["secret"])
