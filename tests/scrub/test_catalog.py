from sealtrail import scrub
from sealtrail.scrub.catalog import NAMES, RULES, SHAPES


def test_every_rule_says_what_it_finds():
    assert len(RULES) > 60
    assert all(RULES.values())
    assert set(SHAPES) | set(NAMES) <= set(RULES)


def test_every_word_that_is_listed_makes_a_name_secret_by_its_rule():
    for rule, listed in NAMES.items():
        for name in listed:
            # Two words may each make it secret: then the first does.
            assert scrub.secret_name(name) in RULES, (rule, name)


def test_no_rule_is_found_that_is_not_listed():
    text = "a@b.de 4111111111111111 078-05-1123 Bearer abcdefgh1 https://u:p@h.example pin=4821"
    found = {note.rpartition(":")[2] for note in scrub.text(text)[1]}
    assert len(found) >= 6
    assert found <= set(RULES)
