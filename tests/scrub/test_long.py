"""Texts longer than scrubbing looks at in one go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.scrub import MAX_TEXT, long_text
from sealtrail.scrub.long import LEFT_OUT

LINE = "a line of a log that says nothing\n"
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n" * 400
    + "-----END RSA PRIVATE KEY-----\n"
)


def test_a_text_of_ordinary_length_keeps_all_but_its_secrets():
    assert long_text("password=hunter2 for ann") == (
        "password=[redacted:password] for ann",
        ("message:password",),
    )


def test_a_long_text_keeps_how_it_begins_and_how_it_ends():
    made, found = long_text("begin password=hunter2\n" + LINE * 2000 + "ValueError: token=abcd1234\n")
    assert made.startswith("begin password=[redacted:password]\n")
    assert made.endswith("ValueError: token=[redacted:token]\n")
    assert LEFT_OUT in made
    assert len(made) <= MAX_TEXT + 100
    assert found == ("message:password", "message:token")


def test_a_long_text_without_lines_keeps_nothing_that_could_be_half_a_secret():
    assert long_text("x" * 50_000)[0].strip() == LEFT_OUT


def test_no_half_of_a_private_key_is_left_wherever_the_cut_falls():
    for lines in range(0, 700, 25):
        made, _ = long_text(LINE * lines + KEY + LINE * 300)
        assert "MIIEpAIBAAK" not in made


def test_a_value_whose_name_was_cut_off_is_not_kept():
    before = LINE * 2000
    for extra in range(0, 40, 3):
        made, _ = long_text(before + "password:\n  hunter2hunter2\n" + "y" * (8192 - 40 + extra) + "\nend")
        assert "hunter2" not in made


@given(st.integers(0, 600), st.integers(0, 600), st.integers(0, 50))
def test_a_named_secret_is_never_kept(before, after, shift):
    made, _ = long_text(LINE * before + "z" * shift + " password=correct-horse\n" + LINE * after)
    assert "correct-horse" not in made
