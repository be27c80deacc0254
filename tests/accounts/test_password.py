from __future__ import annotations

import unicodedata

import pytest

from sealtrail.accounts.password import MAX_CHARACTERS, MIN_CHARACTERS, NOBODYS, hashed, matches
from sealtrail.errors import UsageError

WORDS = "four boats sail hóme"


@pytest.fixture(scope="module")
def stored() -> str:
    return hashed(WORDS)


def test_a_password_matches_its_own_hash_and_no_other(stored: str):
    assert matches(WORDS, stored)
    assert not matches(WORDS + " ", stored)
    assert not matches("", stored)
    assert not matches(WORDS, NOBODYS)


def test_the_same_password_never_has_the_same_hash(stored: str):
    assert hashed(WORDS) != stored
    assert WORDS not in stored


def test_a_word_typed_with_other_code_points_is_the_same_word(stored: str):
    assert unicodedata.normalize("NFD", WORDS) != WORDS
    assert matches(unicodedata.normalize("NFD", WORDS), stored)


@pytest.mark.parametrize("given", ["password12345678", "sealtrail2026!", "alice.1987-alice.1987"])
def test_a_password_that_is_long_and_guessed_first_is_refused(given: str):
    with pytest.raises(UsageError) as caught:
        hashed(given, "alice")
    assert caught.value.code == "usage.password"
    assert given not in str(caught.value)


@pytest.mark.parametrize("given", ["", "short", "a" * 40, "ab" * MAX_CHARACTERS, "x" * (MIN_CHARACTERS - 1)])
def test_a_password_that_is_easily_guessed_or_endless_is_refused(given: str):
    with pytest.raises(UsageError) as caught:
        hashed(given)
    assert caught.value.code == "usage.password"
    assert not given or given not in str(caught.value)


@pytest.mark.parametrize(
    "broken", ["", "scrypt", "scrypt$1$2$3$4", "scrypt$a$8$3$AA==$AA==", "md5$1$1$1$!$!"]
)
def test_a_hash_that_cannot_be_read_matches_nothing(broken: str):
    assert not matches(WORDS, broken)


def test_a_lone_surrogate_is_a_character_like_others():
    assert not matches("\udc80" * 3, NOBODYS)
