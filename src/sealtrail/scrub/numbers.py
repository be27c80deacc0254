"""Numbers that name a person's money or self: payment cards, IBANs, US social security numbers. Pure.

A pattern finds candidates, arithmetic decides: ids, times and counters look like numbers too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Digits in groups, by one kind of separator or none. Bounded, so that a long run of digits is one candidate.
CARD: Final = re.compile(r"(?<![A-Za-z0-9.])\d(?:[ -]?\d){11,18}(?!\d)", re.ASCII)
IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}", re.ASCII)
SSN: Final = re.compile(
    r"(?<![\d.-])(?!000|666|9)\d{3}([-. ])(?!00)\d\d\1(?!0000)\d{4}(?![\d-]|\.\d)", re.ASCII
)

_BETWEEN: Final = r"[ ,;|/:\t]{1,3}"
_EXPIRY: Final = r"(?:(?:0[1-9]|1[0-2])(?:[ ]?[/|-][ ]?)?(?:20)?[2-9]\d" + _BETWEEN + ")?"
_CODE: Final = re.compile(_BETWEEN + _EXPIRY + r"(?P<value>\d{3})(?![A-Za-z0-9]|[.,:/-]\d)", re.ASCII)
_CODE_OF_FOUR: Final = re.compile(_BETWEEN + _EXPIRY + r"(?P<value>\d{4})(?![A-Za-z0-9]|[.,:/-]\d)", re.ASCII)

# As cards are printed, wherever that begins within other digits in groups.
_GROUPED: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?=((?:\d{4}[ -]){3}\d{4}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{12,19})(?!\d))", re.ASCII
)

# Each digit doubled, and the digits of that added, as Luhn counts every second one.
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")

# Lengths per issuer, by the first digits: Luhn alone lets one number in ten through.
_ISSUERS: Final = (
    (r"4", (13, 16, 19)),
    (r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", (16,)),
    (r"3[47]", (15,)),
    (r"3(?:0[0-5]|095|[68]|9)", (14, 16, 19)),
    (r"35(?:2[89]|[3-8])", (16, 17, 18, 19)),
    (r"6(?:011|4[4-9]|5)", (16, 17, 18, 19)),
    (r"62|81", (16, 17, 18, 19)),
    (r"50|5[6-9]|6[0137]", (12, 13, 14, 15, 16, 17, 18, 19)),
    (r"1(?!0)", (15,)),
    (r"220[0-4]|9792|60|8[1267]", (16,)),
)
_STARTS: Final = {
    length: re.compile("|".join(f"(?:{start})" for start, lengths in _ISSUERS if length in lengths))
    for length in range(12, 20)
}

# Length of an IBAN by country, separators not counted.
_IBAN_TEXT: Final = """
    AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24
    DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27
    GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20
    LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28
    PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28
    TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30
"""
_IBANS: Final = {pair[:2]: int(pair[3:]) for pair in _IBAN_TEXT.split()}


def is_card(text: str) -> bool:
    """True for a number that an issuer could have given: right first digits, length and check digit."""
    digits = text.replace(" ", "").replace("-", "")
    starts = _STARTS.get(len(digits))
    if starts is None or starts.match(digits) is None:
        return False
    codes = digits.encode()
    total = sum(codes[-1::-2]) + sum(codes[-2::-2].translate(_DOUBLED)) - 48 * len(codes)
    return total % 10 == 0 and digits.count("0") < len(digits) - 2


def cards_in(text: str) -> Iterator[tuple[int, int]]:
    """Where the numbers of cards stand, also right before or behind other digits, such as a month."""
    odd = False
    for match in CARD.finditer(text):
        if is_card(match[0]):
            yield match.span()
        else:
            odd = True
    if odd:
        yield from (match.span(1) for match in _GROUPED.finditer(text) if is_card(match[1]))


def cvv_after(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where a card's verification value stands: right behind its number, or behind its month and year."""
    four = text.startswith(("34", "37"), start)
    match = (_CODE_OF_FOUR if four else _CODE).match(text, end)
    return match.span("value") if match is not None else None


def iban_end(text: str) -> int:
    """How many characters of a candidate are a valid IBAN; 0 for none."""
    length = _IBANS.get(text[:2], 0)
    taken = end = 0
    for end, character in enumerate(text, 1):  # noqa: B007 - the place where the last character was taken
        taken += character not in " -"
        if taken == length:
            break
    else:
        return 0
    compact = text[:end].replace(" ", "").replace("-", "")
    return end if int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1 else 0
