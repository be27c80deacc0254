from sealtrail import scrub
from sealtrail.scrub import Policy


def test_replacing_says_the_rule_and_nothing_of_the_text():
    assert Policy().replacement("token", "abc") == "[redacted:token]"


def test_dropping_leaves_nothing():
    assert scrub.text("call 4111111111111111 now", policy=Policy("drop"))[0] == "call  now"


def test_masking_keeps_the_end_of_a_card_and_of_nothing_else():
    policy = Policy("mask")
    assert policy.replacement("card-number", "4111111111111111") == "[redacted:card-number:...1111]"
    assert policy.replacement("password", "4111111111111111") == "[redacted:password]"
    assert policy.replacement("card-number", "4111") == "[redacted:card-number]"


def test_hashes_are_equal_for_equal_values_under_one_key_only():
    one, other = Policy("hmac", b"k1"), Policy("hmac", b"k2")
    assert one.replacement("email", "a@b.de") == one.replacement("email", "a@b.de")
    assert one.replacement("email", "a@b.de") != one.replacement("email", "a@b.dk")
    assert one.replacement("email", "a@b.de") != other.replacement("email", "a@b.de")
    assert "a@b.de" not in one.replacement("email", "a@b.de")


def test_without_a_key_nothing_is_hashed():
    assert Policy("hmac").replacement("email", "a@b.de") == "[redacted:email]"
