import pytest

from sealtrail import scrub
from sealtrail.capture.plain import is_plain_text
from sealtrail.scrub import Policy
from sealtrail.scrub.groups import GROUPS, is_dea, is_npi
from sealtrail.scrub.policy import use

# No number of anybody: made up, with check digits.
FOUND = [
    ("NPI 1234567893", "npi"),
    ("npi number: 1234567893.", "npi"),
    ("DEA AB1234563", "dea"),
    ("MRN 00123456 admitted", "medical-record"),
    ("Medicare no. 1EG4-TE5-MK73", "health-id"),
    ("call +1 415 555 0100", "phone"),
    ("call (415) 555-0100 now", "phone"),
    ("fax 415-555-0100", "phone"),
]
LEFT = [
    "NPI is 1234567890",
    "DEA AB1234564",
    "mrn is open",
    "20261124-120000-1234",
    "10.0.0.1 - - 200 512",
    "build 415.555",
    "0042-555-0100-77",
]
NAMES = {
    "first_name": "person-name",
    "phoneNumber": "phone",
    "patient-home-address": "address",
    "addressLine1": "address",
    "zip": "postal-code",
    "diagnosis_code": "diagnosis",
    "ip_address": "",
    "email_address_verified": "",
    "phone_verified": "",
    "file_name": "",
}


@pytest.fixture
def hipaa():
    use(Policy(groups=frozenset({"hipaa"})))
    yield
    use(None)


@pytest.mark.parametrize(("text", "rule"), FOUND)
def test_a_number_beside_the_word_that_says_what_it_is_goes(hipaa, text, rule):
    result, notes = scrub.text(text)
    assert notes == (f"message:{rule}",)
    assert scrub.text(result)[0] == result
    assert not is_plain_text(text)


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_it_stays(hipaa, text):
    assert scrub.text(text.replace("is ", "of "))[1] == ()


def test_names_of_what_identifies_a_patient_are_secret_while_the_group_is_on(hipaa):
    assert {name: scrub.secret_name(name) for name in NAMES} == NAMES


def test_without_the_group_nothing_of_it_goes():
    assert [scrub.text(text)[1] for text, _ in FOUND] == [()] * len(FOUND)
    assert not any(scrub.secret_name(name) for name in NAMES)


def test_the_findings_are_the_same_with_either_engine(hipaa):
    text = " ".join(text for text, _ in FOUND)
    try:
        assert scrub.engine(use_fast=False) == "standard"
        plain = set(scrub.findings(text))
        scrub.engine()
        assert set(scrub.findings(text)) == plain
    finally:
        scrub.engine()
    assert len(plain) == len(FOUND)


def test_check_digits_decide():
    assert is_npi("1234567893")
    assert sum(is_npi(f"123456789{digit}") for digit in range(10)) == 1
    assert is_dea("AB1234563")
    assert sum(is_dea(f"AB123456{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize("name", GROUPS)
def test_hostile_text_ends(name):
    use(Policy(groups=frozenset({name})))
    try:
        for text in ("mrn " * 500, "npi:" * 500, "+1 " * 700, "415-555-" * 250, "medicare 1EG4" * 150):
            assert sum(f.end - f.start for f in scrub.findings(text * 8)) <= 16 * len(text)
    finally:
        use(None)
