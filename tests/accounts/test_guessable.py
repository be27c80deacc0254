from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.accounts.guessable import guessable


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "abcdefghijklmnop",
        "ponmlkjihgfedcba",
        "123456789012345",
        "1234567890qwertyuiop",
        "qwertzuiopasdfghjkl",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc4rfv",
        "password1234",
        "Password2026!",
        "P@ssw0rdP@ssw0rd",
        "passwordpassword",
        "sealtrail2026!",
        "Sealtrail-Admin-1",
        "Welcome2Sealtrail",
        "administrator1",
        "iloveyou12345",
        "correct horse battery staple",
        "trustno1trustno1",
        "alice.moreno1987",
        "Moreno-Alice-2026",
        "alicealicealice",
        "summer2026!!",
    ],
)
def test_what_is_guessed_first_is_found_however_long_it_is(password: str):
    assert guessable(password, "alice.moreno@example.org")


@pytest.mark.parametrize(
    "password",
    [
        "nine green boats at anchor",
        "correct horse battery",
        "another long password",
        "alice walked past the lighthouse",
        "x7Kp-Qm2z-Vw9d",
        "Zwölf Boxkämpfer jagen",
        "勝手に鳴く鳥と古い石の橋",
    ],
)
def test_a_phrase_or_something_random_is_not(password: str):
    assert not guessable(password, "alice")


def test_a_name_matters_for_whom_it_is_and_a_short_one_for_nobody():
    assert guessable("margarethe-1987", "margarethe")
    assert not guessable("margarethe-1987", "bob")
    assert not guessable("a bold albatross", "al")


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=7), st.integers(2, 40))
def test_repeating_something_short_makes_it_no_better(unit: str, times: int):
    assert guessable(unit * times)
