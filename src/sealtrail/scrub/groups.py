"""Further rules that a policy switches on, because most applications would lose what they need by them. Pure.

`hipaa`: what 45 CFR 164.514(b)(2) counts as identifying a patient, where a name or a shape tells it for sure.
Numbers count beside the word that says what they are, since ids and counters have the same digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple


class Further(NamedTuple):
    """A rule with a pattern; the pattern is run where one of the words is in the text, in lower case."""

    rule: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None = None


def is_npi(text: str) -> bool:
    """National provider identifier: Luhn over 80840 and its ten digits."""
    total = 24
    for place, character in enumerate(reversed(text)):
        digit = int(character)
        if place & 1:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def is_dea(text: str) -> bool:
    """Number of the Drug Enforcement Administration: two letters, six digits, a check digit."""
    digits = [int(character) for character in text[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _beside(words: str, value: str) -> re.Pattern[str]:
    """A value after words that say what it is, with little between them."""
    said = r"(?:\s?(?:no|nr|number|id)\b\.?)?(?:\s{0,2}(?:is\b|[:=#])){0,2}\s{0,3}"
    return re.compile(rf"(?<![A-Za-z0-9])(?i:(?:{words}){said})(?P<value>{value})(?![A-Za-z0-9])", re.ASCII)


_MBI: Final = "[AC-HJKMNP-RT-Y]"
_MBI_ANY: Final = "[AC-HJKMNP-RT-Y0-9]"

HIPAA: Final = (
    Further("npi", ("npi",), _beside("npi", r"[12]\d{9}"), is_npi),
    Further("dea", ("dea",), _beside("dea", r"[A-HJ-MPRSTUX][A-Z9]\d{7}"), is_dea),
    Further(
        "medical-record",
        ("mrn", "medical record"),
        _beside(r"mrn|medical record", r"[A-Za-z0-9][A-Za-z0-9-]{3,19}"),
        _has_digit,
    ),
    Further(
        "health-id",
        ("mbi", "medicare"),
        _beside(
            r"mbi|medicare",
            rf"[1-9]{_MBI}{_MBI_ANY}\d-?{_MBI}{_MBI_ANY}\d-?{_MBI}{{2}}\d\d",
        ),
    ),
    Further(
        "phone",
        ("",),
        re.compile(
            r"(?<![A-Za-z0-9.+/=-])(?P<value>\+[1-9]\d{0,2}(?:[ .()-]{0,2}\d){7,13}"
            r"|(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)[ ]?|[2-9]\d\d[.-])[2-9]\d\d[ .-]\d{4})(?![A-Za-z0-9]|[.-]\d)",
            re.ASCII,
        ),
    ),
)

# By name: the words it ends in, or all there is of it. `email_address` and `ip_address` are none of these.
_ENDS: Final = {
    "phone": """phone/mobile/telephone/fax/cell/phone number/mobile number/fax number/telephone number
        cell number/contact number""",
    "person-name": """first name/last name/middle name/full name/given name/family name/maiden name
        patient name/surname/forename""",
    "address": """street address/home address/postal address/mailing address/residential address/address line
        patient address/street""",
    "postal-code": "zip code/postal code/postcode/zipcode/zip",
    "npi": "npi/npi number",
    "dea": "dea/dea number",
    "vehicle": "vin/license plate/licence plate/plate number/vehicle identification number",
    "device-id": "device serial/device serial number/implant serial",
    "biometric": "fingerprint template/face template/voice print/retina scan/iris scan",
    "health-id": "member id/subscriber id/policy number/mbi/group number",
    "admission": "admission date/discharge date/date of death/date of service",
    "diagnosis": "diagnosis/diagnoses/diagnosis code/medication/medications/prescription/prescriptions",
}
_ALONE: Final = {"address": "address", "patient": "person-name"}


class Group(NamedTuple):
    """`shapes` are looked for; a name is secret if its words end in one of `ends`, or are one of `alone`."""

    shapes: tuple[Further, ...]
    ends: Mapping[tuple[str, ...], str]
    alone: Mapping[str, str]


def _words(texts: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    return {
        tuple(name.split()): rule
        for rule, text in texts.items()
        for name in text.replace("\n", "/").split("/")
        if name.strip()
    }


GROUPS: Final = {"hipaa": Group(HIPAA, _words(_ENDS), _ALONE)}


def further(names: Iterable[str]) -> Group:
    """Several groups as one."""
    groups = [GROUPS[name] for name in sorted(set(names))]
    return Group(
        tuple(shape for group in groups for shape in group.shapes),
        {words: rule for group in groups for words, rule in group.ends.items()},
        {word: rule for group in groups for word, rule in group.alone.items()},
    )


def rule_of_words(words: list[str], group: Group) -> str:
    """The rule by which a group takes a name for that of a secret; empty for none."""
    if len(words) == 1 and words[0] in group.alone:
        return group.alone[words[0]]
    for count in (3, 2, 1):
        rule = group.ends.get(tuple(words[-count:]), "")
        if rule:
            return rule
    return ""
