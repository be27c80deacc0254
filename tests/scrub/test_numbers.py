import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.scrub.numbers import CARD, IBAN, SSN, iban_end, is_card


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "4111-1111-1111-1111", "4111 1111 1111 1111", "378282246310005", "5555555555554444"],
)
def test_a_number_that_an_issuer_could_have_given_is_a_card(number):
    match = CARD.fullmatch(number)
    assert match
    assert is_card(number)


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111112",  # the check digit is wrong
        "1748503543012",  # milliseconds of a clock
        "0000000000000000",
        "9111111111111111",  # nobody's first digit
        "41111111111111",  # not a length of this issuer
    ],
)
def test_other_long_numbers_are_not(number):
    assert not is_card(number)


@given(st.integers(10**11, 10**19 - 1))
def test_changing_any_one_digit_of_a_card_makes_it_none(number):
    text = str(number)
    if is_card(text):
        for place, digit in enumerate(text[1:], 1):
            changed = f"{text[:place]}{(int(digit) + 1) % 10}{text[place + 1 :]}"
            total = sum(
                [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][int(d)] if i & 1 else int(d)
                for i, d in enumerate(reversed(changed))
            )
            assert total % 10 != 0
            assert not is_card(changed)


def test_an_iban_ends_where_its_country_says():
    assert iban_end("DE89370400440532013000") == 22
    assert iban_end("DE89 3704 0044 0532 0130 00 and") == 27
    assert iban_end("DE89370400440532013001") == 0
    assert iban_end("DE8937040044053201300") == 0
    assert iban_end("QQ89370400440532013000") == 0
    assert IBAN.search("to DE89370400440532013000.")


@pytest.mark.parametrize("number", ["078-05-1123", "078.05.1123", "078 05 1123"])
def test_a_social_security_number_has_its_separators(number):
    assert SSN.fullmatch(number)


@pytest.mark.parametrize(
    "number",
    [
        "078051123",
        "000-05-1123",
        "666-05-1123",
        "078-00-1123",
        "078-05-0000",
        "078-05.1123",
        "10.078.05.1123",
    ],
)
def test_other_groups_of_nine_digits_are_none(number):
    assert not SSN.search(number)
