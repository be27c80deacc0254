import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.scrub.names import secret_name, words


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("password", "password"),
        ("newPassword", "password"),
        ("NEW-PASSWORD2", "password"),
        ("user[access_token]", "token"),
        ("accesstoken", "token"),
        ("X-Api-Key", "api-key"),
        ("aws_secret_access_key", "secret"),
        ("2faCode", "otp"),
        ("JSESSIONID", "session"),
        ("Set-Cookie", "session"),
        ("Authorization", "authorization"),
        ("bankAccNum", "bank"),
        ("card[cvv]", "card"),
        ("SAMLResponse", "assertion"),
        ("X-Amz-Signature", "signature"),
        ("password_hash", "password"),
        ("password_reset_token", "token"),
        ("socialsecuritynumber", "ssn"),
    ],
)
def test_a_secret_name_is_known_however_it_is_written(name, rule):
    assert secret_name(name) == rule


@pytest.mark.parametrize(
    "name",
    [
        "monkey",
        "tokenize",
        "max_tokens",
        "has_password",
        "password_changed_at",
        "compass",
        "bypass",
        "author",
        "session_count",
        "card_type",
        "partition_key",
        "signature_algorithm",
        "secretary",
        "pinned",
        "",
        "___",
    ],
)
def test_a_name_that_only_looks_like_one_is_innocent(name):
    assert not secret_name(name)


def test_percent_encoding_once_or_twice_does_not_hide_a_name():
    assert secret_name("pass%77ord") == "password"
    assert secret_name("user%255Bpassword%255D") == "password"


def test_words_are_cut_at_capitals_digits_and_signs():
    assert words("X-apiToken2.userName") == ["x", "api", "token", "user", "name"]


@given(st.text(max_size=300))
def test_no_name_makes_it_raise_and_the_verdict_is_stable(name):
    assert secret_name(name) == secret_name(name)


@given(st.sampled_from(["password", "access_token", "apiKey", "cardNumber", "otp"]), st.data())
def test_the_case_of_a_whole_name_does_not_matter(name, data):
    spelled = data.draw(st.sampled_from([name.upper(), name.lower(), name.replace("_", "-"), f"my_{name}"]))
    assert secret_name(spelled)


@pytest.mark.corpus
def test_nine_in_ten_of_the_known_names_are_found_and_few_of_the_benign(corpora: Path):
    names = json.loads((corpora / "data/secret_keys.json").read_bytes())
    missed = [name for name in names["pos"] if not secret_name(name)]
    wrong = [name for name in names["neg"] if secret_name(name)]
    assert len(missed) <= 0.1 * len(names["pos"]), missed
    assert len(wrong) <= 0.04 * len(names["neg"]), wrong


@pytest.mark.parametrize("name", ["contrase\u00f1a", "contrasen\u0303a", "\uff50assword", "p\u00e1ssword"])
def test_accents_and_wide_letters_do_not_hide_a_name(name):
    assert secret_name(name) == "password"
