import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
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


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("4111111111111111 12/27 123", "[redacted:card-number] 12/27 [redacted:cvv]"),
        ("4111111111111111|12|2027|123", "[redacted:card-number]|12|2027|[redacted:cvv]"),
        ("371449635398431 1234", "[redacted:card-number] [redacted:cvv]"),
        ("3714 496353 98431, 12/28, 1234", "[redacted:card-number], 12/28, [redacted:cvv]"),
        ("12/27 4111111111111111", "12/27 [redacted:card-number]"),
        ("2027 4111 1111 1111 1111 123", "2027 [redacted:card-number] [redacted:cvv]"),
        ("4111111111111111 123.45", "[redacted:card-number] 123.45"),
        ("4111111111111111 2027", "[redacted:card-number] 2027"),
        (
            "CVV code: 123, card security code 1234",
            "CVV code: [redacted:cvv], card security code [redacted:cvv]",
        ),
        ("cvv 123, CVC2 is 1234", "cvv [redacted:cvv], CVC2 is [redacted:cvv]"),
        (
            "ssn 078051121, Social Security number: 078051120",
            "ssn [redacted:ssn], Social Security number: [redacted:ssn]",
        ),
    ],
)
def test_what_stands_beside_a_number_neither_hides_it_nor_stays_where_it_is_a_code(text, kept):
    assert scrub.text(text)[0] == kept


@pytest.mark.parametrize(
    "text", ["1234 5678 9012 3456 7890", "cvv mismatch 123", "ssn 987654321", "order 12/27 123"]
)
def test_numbers_that_are_no_card_and_stand_beside_none_stay(text):
    assert scrub.text(text) == (text, ())
