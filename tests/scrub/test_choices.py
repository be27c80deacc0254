import pytest

from sealtrail.errors import UsageError
from sealtrail.scrub.catalog import RULES
from sealtrail.scrub.choices import policy_of

WRITTEN = """
mode = "mask"

[rules]
email = "hmac"
card-number = "keep"

[names]
token_count = "keep"
patientId = "hmac"

[fields]
"sealtrail.details.*" = "mask"
"sealtrail.details.payment.*" = "drop"
"""


def test_a_policy_is_read_from_toml_and_from_a_mapping_alike():
    policy = policy_of(WRITTEN, "file")
    assert policy.mode == "mask"
    assert policy.rules == {"email": "hmac", "card-number": "keep"}
    assert policy.names == {"token-count": "keep", "patient-id": "hmac"}
    assert policy_of({"mode": "mask", "names": {"PATIENT-ID": "hmac"}}, "code").names == {
        "patient-id": "hmac"
    }


def test_of_several_patterns_for_a_field_the_one_that_says_more_wins():
    policy = policy_of(WRITTEN, "file")
    assert policy.for_field("sealtrail.details.payment.card") == "drop"
    assert policy.for_field("sealtrail.details.payment.card.number") == "drop"
    assert policy.for_field("sealtrail.details.note") == "mask"
    assert policy.for_field("sealtrail.detailsx") is None
    assert policy.for_field("url.query") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mode = 'hide'", "hide"),
        ("[rule]\nemail = 'drop'", "rule"),
        ("[rules]\ne-mail = 'drop'", "is 'email' meant?"),
        ("[rules]\nemail = 'delete'", "delete"),
        ("[names]\n42 = 'drop'", "no letters"),
        ("[names]\nuser_id = 'drop'\nuserId = 'hmac'", "two spellings"),
        ("mode = ", "policy.toml"),
        (
            "[names]\n" + "\n".join(f"a{chr(97 + n // 26)}{chr(97 + n % 26)} = 'drop'" for n in range(257)),
            "257",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text, why):
    with pytest.raises(UsageError) as caught:
        policy_of(text, "policy.toml")
    assert caught.value.code == "usage.setting"
    assert "policy.toml" in caught.value.what
    assert why in caught.value.what or why == "257"


def test_every_rule_may_be_chosen_for():
    assert len(policy_of({"rules": dict.fromkeys(RULES, "hmac")}, "code").rules) == len(RULES)


def test_a_choice_that_is_none_is_answered_with_those_there_are():
    with pytest.raises(UsageError) as refused:
        policy_of({"rules": {"card-number": "maks"}}, "code")
    assert "'maks'" in refused.value.what
    assert "replace, drop, mask, hmac, keep" in refused.value.hint
