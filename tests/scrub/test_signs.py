import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.scrub.signs import ALWAYS


@pytest.mark.parametrize("shape", ALWAYS, ids=lambda shape: f"{shape.rule} {shape.literals[0]}")
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_pattern_matches_has_one_of_its_literals(shape, data):
    # They are the gate: a pattern is not run on a text without one.
    found = data.draw(st.from_regex(shape.pattern))
    assert any(literal.lower() in found.lower() for literal in shape.literals)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Basic YWxpY2U6aHVudGVyMg==", "Basic [redacted:basic]"),
        ("Basic\tYWxpY2U6aHVudGVyMg==", "Basic\t[redacted:basic]"),
        ("Basic training", "Basic training"),
        ("Bearer authentication", "Bearer authentication"),
        ("Bearer a1b2c3d4e5", "Bearer [redacted:bearer]"),
        ("alice:hunter2@localhost", "[redacted:url-userinfo]@localhost"),
        ("alice:hunter@localhost", "alice:hunter@localhost"),
        ("npm:react17@localhost", "npm:react17@localhost"),
    ],
)
def test_a_check_has_the_last_word(text, kept):
    assert scrub.text(text)[0] == kept
